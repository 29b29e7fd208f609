"""Break-glass on the review page: the emergency's form, what was let through, its review."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from core.refusals import Conflict, Invalid
from registry import glass, requests
from registry.decisions import Moved
from registry.models import ApprovalRequest
from web.actors import actor_of
from web.pages.approvals import review_page
from web.pages.forms import posted


@require_POST
def break_glass(request: HttpRequest, number: int) -> HttpResponse:
    """Let the request through on the person's word; she types the model's name first."""
    actor = actor_of(request)
    found = requests.find_request(number, actor=actor)
    try:
        _check_name(posted(request, "confirm"), found)
        outcome = glass.break_glass(
            found, digest=posted(request, "digest"), reason=posted(request, "reason"), actor=actor
        )
    except (Invalid, Conflict) as why:
        return review_page(request, requests.find_request(number, actor=actor), actor, refusal=why)
    if isinstance(outcome, Moved):
        refusal = Conflict(f"Nothing was let through. {outcome.past.why}", next_step="Ask again.")
        return review_page(request, requests.find_request(number, actor=actor), actor, refusal=refusal)
    messages.warning(request, "The glass is broken. Every page says so, and somebody else reviews it.")
    return HttpResponseRedirect(f"/approvals/{number}")


def _check_name(typed: str, found: ApprovalRequest) -> None:
    if typed != found.model.name:
        raise Invalid(f"Type the model's name, {found.model.name}, to say that you mean it.", field="confirm")


@require_POST
def review_glass(request: HttpRequest, number: int) -> HttpResponse:
    """Close the matter with words."""
    actor = actor_of(request)
    found = requests.find_request(number, actor=actor)
    try:
        glass.review(found, comment=posted(request, "comment"), actor=actor)
    except (Invalid, Conflict) as why:
        return review_page(request, requests.find_request(number, actor=actor), actor, refusal=why)
    messages.success(request, "Reviewed. The ledger has your words.")
    return HttpResponseRedirect(f"/approvals/{number}")
