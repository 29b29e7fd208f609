"""What Ctrl-K finds: things by name, and what the person may do where she is."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import Resolver404, resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from deployments import endpoints, used
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from web.actors import actor_of
from web.pages import labels, versions

EACH = 6
TEXT_MAX = 300
NUMBERED = re.compile(r"^(?P<name>.*?)\s*\b[vV]?(?P<number>\d{1,9})$")


@dataclass(frozen=True)
class Item:
    """One line: words, where it leads, and what kind of thing it is."""

    label: str
    href: str
    kind: str


@never_cache
@require_GET
def palette(request: HttpRequest) -> JsonResponse:
    """Return what fits the text `q`: deeds first, those of the page `here` before others."""
    actor = actor_of(request)
    text = request.GET.get("q", "").replace("\0", "").strip()[:TEXT_MAX]
    words = text.lower().split()
    deeds = [item for item in _deeds(request.GET.get("here", "/"), actor) if _fits(item, words)]
    found = deeds + ([item for finder in FINDERS for item in finder(text, actor)] if text else [])
    return JsonResponse({"found": [asdict(item) for item in found]})


def _fits(item: Item, words: list[str]) -> bool:
    return all(word in item.label.lower() for word in words)


def _models(text: str, actor: Actor) -> list[Item]:
    rows = RegisteredModel.objects.visible_to(actor).filter(name__icontains=text).order_by("name")
    return [Item(name, labels.model_path(name), "model") for name in rows.values_list("name", flat=True)[:EACH]]


def _versions(text: str, actor: Actor) -> list[Item]:
    asked = NUMBERED.match(text)
    if asked is None:
        return []
    rows = ModelVersion.objects.visible_to(actor).filter(
        model__name__icontains=asked["name"].strip(), version=int(asked["number"])
    )
    pairs = rows.order_by("model__name").values_list("model__name", "version")[:EACH]
    return [Item(f"{name} v{number}", labels.version_path(name, number), "version") for name, number in pairs]


def _numbered(text: str, actor: Actor) -> list[Item]:
    number = text.removeprefix("#")
    if not number.isascii() or not number.isdigit() or len(number) > 9:  # noqa: PLR2004 - fits any row's number
        return []
    rows = ApprovalRequest.objects.visible_to(actor).filter(pk=int(number)).select_related("model", "version")
    return [Item(_named(row), f"/approvals/{row.pk}", "request") for row in rows]


def _named(row: ApprovalRequest) -> str:
    return f"#{row.pk} {row.model.name} v{row.version.version} → {labels.move_words(row)['target']}"


def _endpoints(text: str, actor: Actor) -> list[Item]:
    rows = endpoints.endpoints_visible_to(actor).filter(name__icontains=text).order_by("name")[:EACH]
    return [Item(row.name, f"/endpoints/{row.name}", "endpoint") for row in rows]


def _people(text: str, actor: Actor) -> list[Item]:
    """Return people as the ledger's readers know them; who manages people comes to their rows."""
    if not actor.holds(Permission.LEDGER_READ):
        return []
    rows = User.objects.filter(username__icontains=text).order_by("username").values_list("pk", "username")[:EACH]
    if actor.holds(Permission.USER_MANAGE):
        return [Item(name, f"/admin/accounts/user/{key}/change/", "person") for key, name in rows]
    return [Item(f"What {name} did", f"/audit?person={name}", "person") for _, name in rows]


FINDERS: tuple[Callable[[str, Actor], list[Item]], ...] = (_versions, _numbered, _models, _endpoints, _people)


def _deeds(here: str, actor: Actor) -> list[Item]:
    """Return what the actor may do: on this page, then anywhere."""
    found = _here(here, actor)
    waiting = ApprovalRequest.objects.waiting_for(actor).select_related("model", "version").order_by("expires_at")
    usable = (
        used.left(ApprovalRequest.objects.usable_by(actor)).select_related("model", "version").order_by("expires_at")
    )
    found += [Item(f"Review request {_named(row)}", f"/approvals/{row.pk}", "do") for row in waiting[:EACH]]
    found += [Item(f"Make the approved move {_named(row)}", f"/approvals/{row.pk}", "do") for row in usable[:EACH]]
    found += [Item(label, href, "do") for need, label, href in ANYWHERE if actor.holds(need)]
    return list({item.label: item for item in found}.values())


ANYWHERE = (
    (Permission.MODEL_CREATE, "Create a model", "/new-model"),
    (Permission.MODEL_CREATE, "Register a version from files", "/new-version"),
    (Permission.DEPLOY_STAGING, "Create an endpoint", "/new-endpoint"),
    (Permission.LEDGER_READ, "Verify the ledger", "/audit#verify"),
    (Permission.USER_MANAGE, "Add a person", "/admin/accounts/user/add/"),
)


def _here(path: str, actor: Actor) -> list[Item]:
    try:
        place = resolve(path)
    except Resolver404:
        return []
    deeds = HERE.get(place.view_name)
    return deeds(place.kwargs, actor) if deeds else []


def _on_model(where: dict[str, Any], actor: Actor) -> list[Item]:
    rows = ModelVersion.objects.visible_to(actor).filter(model__name=where["name"]).order_by("-version")
    latest = rows.select_related("model__owner", "registered_by", "manifest").first()
    return _of_version(latest, actor) if latest else []


def _on_version(where: dict[str, Any], actor: Actor) -> list[Item]:
    rows = ModelVersion.objects.visible_to(actor).filter(model__name=where["name"], version=where["number"])
    found = rows.select_related("model__owner", "registered_by", "manifest").first()
    return _of_version(found, actor) if found else []


def _of_version(found: ModelVersion, actor: Actor) -> list[Item]:
    path = labels.version_path(found.model.name, found.version)
    moves = [
        Item(f"{move['label']} for v{found.version}", f"{path}#move-{move['to']}", "do")
        for move in versions.moves_of(found, versions.pending_of(found), actor)
    ]
    ends = endpoints.endpoints_visible_to(actor).filter(model=found.model).order_by("name")[:EACH]
    may = [end for end in ends if actor.holds(end.environment.permission)]
    return moves + [Item(f"Deploy v{found.version} to {end.name}", f"/endpoints/{end.name}", "do") for end in may]


def _on_request(where: dict[str, Any], actor: Actor) -> list[Item]:
    row = ApprovalRequest.objects.waiting_for(actor).filter(pk=where["number"]).first()
    return [Item(f"Decide on request #{row.pk}", f"/approvals/{row.pk}#decision-comment", "do")] if row else []


HERE: dict[str, Callable[[dict[str, Any], Actor], list[Item]]] = {
    "pages:model": _on_model,
    "pages:version": _on_version,
    "pages:review": _on_request,
}
