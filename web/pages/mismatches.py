"""Pages of what differs from the ledger: the list, one of them, and how an admin settles it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.models import Mismatch, ReplayPosition
from audit.replay.mismatches import open_count
from core.refusals import Conflict, Invalid, Refusal
from deployments import replayed
from registry import history
from web.actors import actor_of
from web.pages.forms import posted

SHOWN = 200


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """List what differs from the ledger and what was settled."""
    rows = replayed.mismatches_for(actor_of(request))
    return render(request, "audit/mismatches.html", {"rows": rows[:SHOWN], **gate()})


def gate() -> dict[str, object]:
    """Return how many mismatches shut the gate, and how far the ledger was replayed."""
    return {"open": open_count(), "position": ReplayPosition.objects.first()}


@require_GET
def mismatch(request: HttpRequest, number: int) -> HttpResponse:
    """Show what the ledger says, what the row said and what it says now."""
    actor = actor_of(request)
    return _page(request, replayed.find_mismatch(number, actor=actor), actor)


def _page(request: HttpRequest, row: Mismatch, actor: Actor, refusal: Refusal | None = None) -> HttpResponse:
    event, now = replayed.event_of(row), replayed.row_now(row)
    context = {
        "row": row,
        "now": now,
        "sides": [
            {"label": "The ledger says", "value": row.said},
            {"label": "The row said when it was found", "value": row.found},
            {"label": "The row says now", "value": now},
        ],
        "event": history.tell(event) if event else None,
        "action": f"/audit/mismatches/{row.pk}/settle" if actor.holds(Permission.STATE_SETTLE) else "",
        "reason": posted(request, "reason"),
        "errors": [{"field": "reason", "message": refusal.sentence}] if refusal else [],
    }
    status = 200 if refusal is None else 400 if isinstance(refusal, Invalid) else 409
    return render(request, "audit/mismatch.html", context, status=status)


@require_POST
def settle(request: HttpRequest, number: int) -> HttpResponse:
    """Settle it with the admin's reason; the row as she saw it is what the ledger says from here on."""
    actor = actor_of(request)
    row = replayed.find_mismatch(number, actor=actor)
    found = posted(request, "found") if request.POST.get("is_there") else None
    try:
        replayed.settle(row, found=found, reason=posted(request, "reason"), actor=actor)
    except (Invalid, Conflict) as why:
        return _page(request, row, actor, why)
    left = open_count()
    messages.success(request, f"Settled. {left} left." if left else "Settled. The deploy gate is open.")
    return HttpResponseRedirect("/audit/mismatches")
