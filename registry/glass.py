"""Break-glass: in an emergency one named person lets a request through. Nothing is skipped silently.

A policy has to allow it. The digest is held to, the event says what was overridden, it ends after 4 hours, every page
shows it meanwhile, and somebody else reviews it afterwards.
"""

from datetime import timedelta

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from audit.replay.attest import alerting
from core import clock
from core.refusals import Conflict, Denied, Invalid
from core.words import written
from registry import access, attested, checks, conditions, requests, subjects
from registry.decisions import Moved, conflict_of_interest
from registry.models import ApprovalRequest, BrokenGlass
from registry.models.approvals import ALL, RequestState
from registry.replayed.requests import MOMENT
from registry.staleness import undecidable

LASTS = timedelta(hours=4)


def of(request: ApprovalRequest) -> BrokenGlass | None:
    """Return the glass that was broken for the request, or None."""
    try:
        return request.glass
    except BrokenGlass.DoesNotExist:
        return None


def forbidden(request: ApprovalRequest) -> str:
    """Return which policy allows nobody to break the glass for the request, or an empty string."""
    closed = [one for one in subjects.terms_of(request).policies if not one.document.break_glass]
    return f"Policy {closed[0].name} v{closed[0].version} allows no break-glass." if closed else ""


def break_glass(request: ApprovalRequest, *, digest: str, reason: str, actor: Actor) -> BrokenGlass | Moved:
    """Approve exactly `digest` on the actor's word alone, for 4 hours at most; doing it again changes nothing.

    Raises Denied without the role or scope, Invalid without a reason, Conflict for another digest, a request that is
    not open, and where a policy does not allow it, Differs where a row it rests on is not what the ledger says.
    """
    about = requests.request_subject(request)
    access.require(actor, Permission.GLASS_BREAK, request.model, f"break the glass for {request}", about=about)
    said = _said(reason)
    with alerting(), transaction.atomic():
        row = requests.locked(request)
        attested.require_request(row, f"break the glass for {row}")
        attested.require_decider(actor.person, None, f"take {actor.name}'s word on {row}")
        if (broken := of(row)) and broken.person == actor.user:
            return broken
        if past := requests.settle(row):
            return Moved(row, past)
        if why := undecidable(row) or forbidden(row):
            raise Conflict(why)
        if digest != row.subject_digest:
            raise Conflict(
                "The digest you decided on is not the one this request asks for.",
                next_step="Reload the page and read it again.",
            )
        return _let_through(row, said, actor)


def _let_through(row: ApprovalRequest, reason: str, actor: Actor) -> BrokenGlass:
    overridden = [*conditions.missing(row), *conditions.hindrances(row, checks.as_of_now(row))]
    ends_at = min(row.expires_at, clock.now() + LASTS)
    broken = BrokenGlass.objects.create(
        request=row, person=actor.person, reason=reason, overridden=overridden, opened_at=clock.now(), ends_at=ends_at
    )
    before, row.expires_at, row.ceiling_pct = row.state, ends_at, ALL
    row.save(update_fields=["expires_at", "ceiling_pct"])
    if before == RequestState.OPEN:
        requests.advance(row, RequestState.APPROVED, actor=actor)
    facts: dict[str, object] = {
        "subject": row.subject_digest, "overridden": overridden, "ends_at": clock.iso(ends_at),
        "policy": subjects.terms_of(row).named, MOMENT: clock.iso(broken.opened_at),
    }  # fmt: skip
    change = Change({"state": before}, {"state": row.state}, reason, facts)
    record("glass.broken", requests.request_subject(row), actor=actor, change=change)
    return broken


def review(request: ApprovalRequest, *, comment: str, actor: Actor) -> BrokenGlass:
    """Close the matter with another person's words; doing it again changes nothing."""
    about = requests.request_subject(request)
    access.require(actor, Permission.REQUEST_DECIDE, request.model, f"review what {request} let through", about=about)
    broken = of(request)
    if broken is None:
        raise Conflict(f"Nobody broke the glass for {request}.")
    if broken.person == actor.user or conflict_of_interest(request, actor):
        raise Denied("You had a part in it, so somebody else reviews it.", about=about)
    said = _said(comment)
    with transaction.atomic():
        requests.locked(request)
        row = BrokenGlass.objects.select_related("person", "reviewed_by").get(pk=broken.pk)
        if row.reviewed_at is None:
            row.reviewed_by, row.reviewed_at, row.review = actor.person, clock.now(), said
            row.save(update_fields=["reviewed_by", "reviewed_at", "review"])
            change = Change(comment=said, facts={MOMENT: clock.iso(row.reviewed_at)})
            record("glass.reviewed", about, actor=actor, change=change)
    return row


def _said(words: str) -> str:
    text = written(words)
    if not text or len(text) > requests.COMMENT_MAX:
        raise Invalid("Say why: it is kept in the ledger.", field="reason")
    return text
