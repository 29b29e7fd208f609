"""A reviewer's word on one digest: by another person than those who made or asked for it, with a comment."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.record import Change, record
from audit.replay.attest import alerting
from core import clock, hints
from core.refusals import Conflict, Denied, Invalid
from core.words import written
from registry import access, attested, checks, conditions, requests, subjects, weakening
from registry.models import ApprovalRequest, Check, Decision
from registry.models.approvals import ALL, RequestState
from registry.replayed.requests import MOMENT, check_said
from registry.staleness import Stale, undecidable
from registry.weakening import Weakening

Verdict, Status = Decision.Verdict, Check.Status
ENDS: dict[str, RequestState] = {  # one word against it is enough
    Verdict.REJECT: RequestState.REJECTED,
    Verdict.REQUEST_CHANGES: RequestState.CHANGES_REQUESTED,
}


@dataclass(frozen=True)
class Choice:
    """What the reviewer sends: the verdict on `digest`, the words, and the warnings she accepts one by one.

    An approval may be for the shares of the requests up to `up_to_pct` only; the deployment is kept there. `weakened`
    are the events of what she was shown that asks for less than before.
    """

    verdict: Decision.Verdict
    digest: str
    comment: str
    accepted: Collection[int] = ()
    up_to_pct: int = ALL
    weakened: Collection[str] = ()


@dataclass(frozen=True)
class Moved:
    """Time or the registry moved past the request while it was being read: why. No decision was taken."""

    request: ApprovalRequest
    past: Stale


def conflict_of_interest(request: ApprovalRequest, actor: Actor, weakened: list[Weakening] | None = None) -> str:
    """Return why four eyes forbid `actor` to decide, or an empty string; `weakened` where it was read already."""
    person = actor.user.pk if actor.user else None
    if person == request.requester_id:
        return "You asked for this, so somebody else decides."
    if person == request.version.registered_by_id:
        return "You registered this version, so somebody else decides."
    if person == request.version.run_author_id:
        return "You ran the training, so somebody else decides."
    if person in request.version.makers:
        return "You made what this is a copy of, or wrote into what it came from, so somebody else decides."
    words = weakening.by(weakening.of(request.model) if weakened is None else weakened, person)
    return f"You {words}, so somebody else decides first." if words else ""


def decide(request: ApprovalRequest, choice: Choice, *, actor: Actor) -> Decision | Moved:
    """Record the decision and move the request on; the same decision sent twice is kept once.

    What was approved up to a share can be approved further, by the same person too. Raises Denied without the role,
    scope or second pair of eyes; Invalid without a comment or for a share that is not asked for; Conflict for another
    digest, a request that is not open, what stands in its way (`conditions`) or a warning not accepted, Differs where
    request, version, or the actor's own roles and teams are not what the ledger says.
    """
    about = requests.request_subject(request)
    access.require(actor, Permission.REQUEST_DECIDE, request.model, f"decide on request #{request.pk}", about=about)
    if why := conflict_of_interest(request, actor):
        raise Denied(why, about=about)
    comment = written(choice.comment)
    if not comment or len(comment) > requests.COMMENT_MAX:
        raise Invalid("Say why: a decision needs a comment.", field="comment")
    with alerting(), transaction.atomic():
        row = requests.locked(request)
        attested.require_request(row, f"decide on {row}")
        if earlier := _same(row, choice, actor):
            return earlier
        if past := requests.settle(row):
            return Moved(row, past)
        if why := undecidable(row) or spoken_for(row, actor):
            raise Conflict(why)
        if choice.digest != row.subject_digest:
            raise Conflict(
                "The digest you decided on is not the one this request asks for.",
                next_step="Reload the page and read it again.",
            )
        _refuse_share(row, choice)
        measured = _refuse_obstacles(row, choice, actor) if choice.verdict == Verdict.APPROVE else []
        return _write(row, choice, comment, actor, measured)


def spoken_for(request: ApprovalRequest, actor: Actor) -> str:
    """Return who decided in the actor's place already, in a sentence, or an empty string."""
    mine = (one for one in request.decisions.all() if one.for_person_id == actor.person.pk)
    spoken = next(mine, None)
    return f"{spoken.person.username} decided for you." if spoken else ""


def decided_by(request: ApprovalRequest, actor: Actor) -> Decision | None:
    """Return the actor's word on the request: of several, the one that goes furthest. None where she said nothing."""
    mine = [one for one in request.decisions.all() if one.person_id == (actor.user.pk if actor.user else None)]
    return max(mine, key=lambda one: one.up_to_pct, default=None)


def _same(request: ApprovalRequest, choice: Choice, actor: Actor) -> Decision | None:
    earlier = decided_by(request, actor)
    if earlier is None:
        return None
    if (earlier.verdict, earlier.subject_digest) == (choice.verdict, choice.digest):
        if earlier.up_to_pct == choice.up_to_pct:
            return earlier
        if earlier.verdict == Verdict.APPROVE and choice.up_to_pct > earlier.up_to_pct:
            return None
    raise Conflict(
        f"You decided already: {earlier.get_verdict_display().lower()}{earlier.reach}.",
        next_step="A decision is never changed.",
    )


def _refuse_share(request: ApprovalRequest, choice: Choice) -> None:
    """Raise Invalid for a share that is not asked for, Conflict for a word against what is approved in part."""
    shares = subjects.shares_of(request)
    if choice.up_to_pct not in shares:
        listed = ", ".join(f"{share} %" for share in shares)
        raise Invalid(f"It can be approved up to a share that is asked for: {listed}.", field="up_to_pct")
    if choice.verdict != Verdict.APPROVE and choice.up_to_pct != ALL:
        raise Invalid("Only an approval is for a part of the requests.", field="up_to_pct")
    if choice.verdict != Verdict.APPROVE and request.is_limited:
        raise Conflict(
            f"{str(request).capitalize()} is approved up to {request.ceiling_pct} %: it can be approved further only.",
            next_step="Send its deployment back, or withdraw the request.",
        )


def _refuse_obstacles(request: ApprovalRequest, choice: Choice, actor: Actor) -> list[Check]:
    """Raise Conflict where the request cannot be approved now; what was pending is kept as it is known by now.

    Returns what is known by now.
    """
    pending = set(request.checks.filter(status=Status.PENDING).values_list("pk", flat=True))
    found = checks.as_of_now(request)
    if sentences := conditions.obstacles(request, found, actor=actor, up_to_pct=choice.up_to_pct):
        raise Conflict(" ".join(sentences))
    for check in found:
        if check.status == Status.WARN and check.pk not in choice.accepted:
            raise Conflict(f"'{check.name}' is a warning: accept it, or reject.", next_step="Tick the warning.")
    measured = [check for check in found if check.pk in pending and check.status != Status.PENDING]
    Check.objects.bulk_update(measured, checks.MEASURED)
    return measured


def _reach(request: ApprovalRequest, ceiling_pct: int, actor: Actor) -> None:
    """Let the request through up to a share, or further than before; nothing happens while not even its first is."""
    if not ceiling_pct:
        return
    request.ceiling_pct = ceiling_pct
    request.save(update_fields=["ceiling_pct"])
    if request.state == RequestState.OPEN:
        requests.advance(request, RequestState.APPROVED, actor=actor)
    hints.hint(hints.MOVE_ROLLOUTS)  # a deployment that was kept at its share goes on


def _write(request: ApprovalRequest, choice: Choice, comment: str, actor: Actor, measured: list[Check]) -> Decision:
    voice = conditions.voice_of(request, actor, choice.up_to_pct)
    attested.require_decider(actor.person, voice.for_person, f"take {actor.name}'s word on {request}")
    decision = Decision.objects.create(
        request=request,
        person=actor.person,
        verdict=choice.verdict,
        comment=comment,
        subject_digest=choice.digest,
        up_to_pct=choice.up_to_pct,
        groups=voice.groups,
        for_person=voice.for_person if choice.verdict == Verdict.APPROVE else None,
        via=actor.via,
        at=clock.now(),
    )
    rules = conditions.standings(request)
    if choice.verdict in ENDS:
        requests.advance(request, ENDS[choice.verdict], actor=actor)
    else:
        _reach(request, conditions.ceiling_of(request), actor)
    warnings = [check.name for check in request.checks.filter(pk__in=choice.accepted, status=Status.WARN)]
    facts: dict[str, object] = {
        "subject": choice.digest,
        "accepted_warnings": warnings,
        "approvals": f"{sum(len(one.people) for one in rules)} of {request.approvals_needed}",
        "rules": [{**vars(one.rule), "by": one.people} for one in rules],
        "groups": voice.groups,
        "checks": [check_said(check) for check in measured],
        MOMENT: clock.iso(decision.at),
    }
    if choice.verdict == Verdict.APPROVE:
        standing = (one.event for one in weakening.of(request.model))
        facts[weakening.SHOWN] = [event for event in standing if event in choice.weakened]
    if decision.for_person:
        facts["for"] = decision.for_person.username
    after: dict[str, object] = {"verdict": choice.verdict, "state": request.state}
    if choice.up_to_pct < ALL or request.is_limited:
        after |= {"up_to_pct": choice.up_to_pct, "ceiling_pct": request.ceiling_pct}
    record(
        "request.decided",
        requests.request_subject(request),
        actor=actor,
        change=Change(after=after, comment=comment, facts=facts),
    )
    return decision
