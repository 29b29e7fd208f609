"""What pages show of broken glass: on the request, and above every page while it lasts."""

from accounts.actors import Actor
from accounts.permissions import Permission
from registry import glass
from registry.decisions import conflict_of_interest
from registry.models import ApprovalRequest, BrokenGlass
from registry.models.approvals import RequestState


def glass_parts(found: ApprovalRequest, actor: Actor, *, holds: bool) -> dict[str, object]:
    """Return `glass`, what was let through, and `emergency`, the form, where the request still holds and she may."""
    broken = glass.of(found)
    return {
        "glass": _told(found, broken, actor) if broken else None,
        "emergency": _form(found, actor) if holds else None,
    }


def _told(found: ApprovalRequest, broken: BrokenGlass, actor: Actor) -> dict[str, object]:
    part = broken.person == actor.user or conflict_of_interest(found, actor)
    may_review = broken.reviewed_at is None and not part and actor.holds(Permission.REQUEST_DECIDE)
    return {"broken": broken, "review_action": f"/approvals/{found.pk}/glass-review" if may_review else ""}


def _form(found: ApprovalRequest, actor: Actor) -> dict[str, object] | None:
    if found.state != RequestState.OPEN or not actor.holds(Permission.GLASS_BREAK) or glass.forbidden(found):
        return None
    return {"action": f"/approvals/{found.pk}/break-glass", "digest": found.subject_digest, "name": found.model.name}


def banner(actor: Actor | None) -> dict[str, object] | None:
    """Return the newest broken glass that lasts, as base.html shows it, or None."""
    rows = BrokenGlass.objects.lasting().select_related("person").order_by("-opened_at")
    newest = rows.visible_to(actor).first() if actor else None
    if newest is None:
        return None
    return {
        "person": newest.person.username,
        "reason": newest.reason,
        "ends_at": newest.ends_at,
        "href": f"/approvals/{newest.request_id}",
    }
