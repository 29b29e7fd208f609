"""A reviewer's yes or no: to one digest, by another person than those who made or asked for it, with a comment."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from core.refusals import Conflict, Denied, Invalid
from registry import access, requests, subjects
from registry.models import ApprovalRequest, Check, Decision
from registry.models.approvals import RequestState

Verdict = Decision.Verdict


@dataclass(frozen=True)
class Choice:
    """What the reviewer sends: the verdict on `digest`, the words, and the warnings she accepts one by one."""

    verdict: Decision.Verdict
    digest: str
    comment: str
    accepted: Collection[int] = ()


@dataclass(frozen=True)
class Moved:
    """The registry moved past the request while it was being read: what changed. No decision was taken."""

    request: ApprovalRequest
    changed: list[subjects.Changed]


def conflict_of_interest(request: ApprovalRequest, actor: Actor) -> str:
    """Return why four eyes forbid `actor` to decide, or an empty string."""
    person = actor.user.pk if actor.user else None
    if person == request.requester_id:
        return "You asked for this, so somebody else decides."
    if person == request.version.registered_by_id:
        return "You registered this version, so somebody else decides."
    if person == request.version.run_author_id:
        return "You ran the training, so somebody else decides."
    return ""


def decide(request: ApprovalRequest, choice: Choice, *, actor: Actor) -> Decision | Moved:
    """Record the decision and move the request on; the same decision sent twice is kept once.

    Raises Denied without the role, scope or second pair of eyes; Invalid without a comment; Conflict for another
    digest, a request that is not open, a failed required check or a warning not accepted.
    """
    about = requests.request_subject(request)
    access.require(actor, Permission.REQUEST_DECIDE, request.model, f"decide on request #{request.pk}", about=about)
    if why := conflict_of_interest(request, actor):
        raise Denied(why, about=about)
    comment = choice.comment.strip()
    if not comment or len(comment) > requests.COMMENT_MAX:
        raise Invalid("Say why: a decision needs a comment.", field="comment")
    with transaction.atomic():
        row = requests.locked(request)
        if earlier := _same(row, choice, actor):
            return earlier
        if row.state != RequestState.OPEN:
            raise Conflict(f"Request #{row.pk} is {row.get_state_display().lower()}; it cannot be decided any more.")
        if choice.digest != row.subject_digest:
            raise Conflict(
                "The digest you decided on is not the one this request asks for.",
                next_step="Reload the page and read it again.",
            )
        changed = requests.settle(row)
        if changed is not None:
            return Moved(row, changed)
        if choice.verdict == Verdict.APPROVE:
            _refuse_open_checks(row, choice.accepted)
        return _write(row, choice, comment, actor)


def _same(request: ApprovalRequest, choice: Choice, actor: Actor) -> Decision | None:
    earlier = Decision.objects.filter(request=request, person=actor.user).first()
    if earlier and (earlier.verdict, earlier.subject_digest) == (choice.verdict, choice.digest):
        return earlier
    if earlier:
        raise Conflict(
            f"You decided already: {earlier.get_verdict_display().lower()}.", next_step="A decision is never changed."
        )
    return None


def _refuse_open_checks(request: ApprovalRequest, accepted: Collection[int]) -> None:
    for check in request.checks.all():
        if check.required and check.status in {Check.Status.FAILED, Check.Status.PENDING}:
            raise Conflict(f"'{check.name}' {check.status}: it must pass before this can be approved.")
        if check.status == Check.Status.WARN and check.pk not in accepted:
            raise Conflict(f"'{check.name}' is a warning: accept it, or reject.", next_step="Tick the warning.")


def _write(request: ApprovalRequest, choice: Choice, comment: str, actor: Actor) -> Decision:
    decision = Decision.objects.create(
        request=request,
        person=actor.person,
        verdict=choice.verdict,
        comment=comment,
        subject_digest=choice.digest,
        via=actor.via,
    )
    given = request.decisions.filter(verdict=Verdict.APPROVE).count()
    if choice.verdict == Verdict.REJECT:
        requests.advance(request, RequestState.REJECTED, actor=actor)
    elif given >= request.approvals_needed:
        requests.advance(request, RequestState.APPROVED, actor=actor)
    warnings = [check.name for check in request.checks.filter(pk__in=choice.accepted, status=Check.Status.WARN)]
    facts: dict[str, object] = {
        "subject": choice.digest,
        "accepted_warnings": warnings,
        "approvals": f"{given} of {request.approvals_needed}",
    }
    after: dict[str, object] = {"verdict": choice.verdict, "state": request.state}
    record(
        "request.decided",
        requests.request_subject(request),
        actor=actor,
        change=Change(after=after, comment=comment, facts=facts),
    )
    return decision
