"""The page of a version's model card: read, write, approve."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actors import Actor
from accounts.permissions import Permission
from core.refusals import Conflict, Invalid, Refusal
from registry import access, card_writing, cards
from registry.models import CardState, ModelVersion
from web.actors import actor_of
from web.pages import labels
from web.pages.forms import posted


@require_http_methods(["GET", "POST"])
def card(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show the card; or keep what was written, as a draft or for review."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    if request.method == "GET":
        return _page(request, found, actor)
    texts, submit = {part: posted(request, part) for part in cards.SECTIONS}, posted(request, "do") == "submit"
    try:
        card_writing.write(found, texts, actor=actor, submit=submit)
    except Invalid as why:
        return _page(request, found, actor, refusal=why, typed=texts)
    messages.success(request, "In review: another person approves it." if submit else "The draft is kept.")
    return HttpResponseRedirect(_path(found))


@require_POST
def review(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Approve the card that was read, or send it back."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    told = {part: posted(request, part) for part in ("verdict", "digest", "words")}
    try:
        card_writing.review(found, **told, actor=actor)
    except (Invalid, Conflict) as why:
        return _page(request, access.find_version(name, number, actor=actor), actor, refusal=why)
    messages.success(request, "Kept in the ledger.")
    return HttpResponseRedirect(_path(found))


def _path(found: ModelVersion) -> str:
    return f"{labels.version_path(found.model.name, found.version)}/card"


def _page(
    request: HttpRequest,
    found: ModelVersion,
    actor: Actor,
    *,
    refusal: Refusal | None = None,
    typed: dict[str, str] | None = None,
) -> HttpResponse:
    said = cards.card_of(found)
    field = f"id_{refusal.field}" if isinstance(refusal, Invalid) and refusal.field else ""
    context = {
        "model": found.model,
        "version": found,
        "card": said,
        "sections": [{"part": part, "value": (typed or {}).get(part.name, part.text)} for part in said.sections],
        "write_action": _path(found) if access.may(actor, Permission.MODEL_WRITE, found.model) else "",
        "review_action": f"{_path(found)}/review"
        if said.state == CardState.IN_REVIEW and cards.may_review(found, actor=actor)
        else "",
        "errors": [{"field": field, "message": refusal.sentence}] if refusal else [],
    }
    status = 200 if refusal is None else 400 if isinstance(refusal, Invalid) else 409
    return render(request, "models/card.html", context, status=status)
