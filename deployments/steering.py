"""What a person may do to a rollout that is under way: hold it, let it go on, promote it, send it back.

Evidence against a canary sends it back whatever a person said before.
"""

from collections.abc import Callable
from functools import partial

from django.db import transaction

from accounts.actors import Actor, person
from accounts.actors import Via as SignedInBy
from accounts.policy import require
from audit.record import Change, record
from core import clock, hints
from core.refusals import Conflict, Invalid
from core.words import written
from deployments import freezing, reach
from deployments.models import Rollout, RolloutStep
from deployments.plan import ALL
from deployments.rollouts import lock, rollout_subject, send_back
from deployments.states import RolloutState, StepStatus
from deployments.watching import compared, share_of, was_given
from monitoring.stats.judge import Decision
from registry import exposure

SEEN_AT = frozenset({"watch", "compare"})  # steps that last until the evidence, or a person's word, ends them


def pause(rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Keep the rollout at its share; doing it again changes nothing. It is still watched, and sent back if bad."""
    _require(rollout, "pause", actor)
    with transaction.atomic():
        keep(_running(rollout), reason=reason, actor=actor)


def keep(row: Rollout, *, reason: str, actor: Actor) -> None:
    """Keep a running rollout at its share, under its model's lock; one that is kept already stays as it is."""
    if row.paused_at is None:
        row.paused_at, row.paused_by = clock.now(), actor.user
        row.save(update_fields=["paused_at", "paused_by"])
        record("rollout.paused", rollout_subject(row), actor=actor, change=Change(comment=written(reason)))


def go_on(rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Let a paused rollout go on when the evidence allows; doing it again changes nothing.

    Raises Conflict where the evidence is against it: that is to be promoted with a reason, or sent back.
    """
    _require(rollout, "go on with", actor)
    with transaction.atomic():
        row = _running(rollout)
        _refuse_condemned(row)
        if row.paused_at is not None:
            row.paused_at, row.paused_by = None, None
            row.save(update_fields=["paused_at", "paused_by"])
            record("rollout.resumed", rollout_subject(row), actor=actor, change=Change(comment=written(reason)))
            hints.hint(hints.MOVE_ROLLOUTS)


def promote(rollout: Rollout, *, reason: str, actor: Actor, to_all: bool = False, share_pct: int | None = None) -> None:
    """End the watch that is under way, or with `to_all` every one that is left, on a person's word.

    With `share_pct`, the share that the person saw, raises Conflict where the rollout has gone on meanwhile: a word
    given twice, or late, ends no watch that nobody looked at.
    """
    _require(rollout, "promote", actor)
    said = _reason(reason, "promotion")
    with transaction.atomic():
        row = _running(rollout)
        skipped = _left(row, to_all=to_all)
        if share_pct is not None and share_of(skipped[0]) != share_pct:
            raise Conflict(
                f"{row} has gone on to {share_of(skipped[0])} % since you looked at {share_pct} %.",
                next_step="Look at what is seen there, then decide.",
            )
        _refuse_beyond(row, skipped[-1])
        _refuse_unsigned(row, skipped)
        _refuse_frozen(row)
        _end(row, skipped, f"promoted by {actor.name}")
        _unpause(row)
        facts: dict[str, object] = {"from_share_pct": share_of(skipped[0]), "seen": skipped[0].observed}
        record("rollout.promoted", rollout_subject(row), actor=actor, change=Change(comment=said, facts=facts))
        hints.hint(hints.MOVE_ROLLOUTS)


def open_gate(rollout: Rollout, *, reason: str, actor: Actor, share_pct: int | None = None) -> None:
    """Let the rollout through the gate it waits at, on a person's comment.

    With `share_pct`, the share that the person saw, raises Conflict where it waits at another gate, or at none.
    """
    _require(rollout, "open the gate of", actor)
    said = _reason(reason, "gate")
    with transaction.atomic():
        row = _running(rollout)
        gate = _first_open(row)
        if gate is None or gate.name != "gate" or (share_pct is not None and share_of(gate) != share_pct):
            raise Conflict(f"{row} waits at no such gate.", next_step="Look at where it is, then decide.")
        _refuse_beyond(row, gate)
        _refuse_frozen(row)
        _end(row, [gate], f"let through by {actor.name}")
        _unpause(row)
        facts: dict[str, object] = {"share_pct": share_of(gate), "seen": gate.observed}
        record("rollout.gate.opened", rollout_subject(row), actor=actor, change=Change(comment=said, facts=facts))
        hints.hint(hints.MOVE_ROLLOUTS)


def abort(rollout: Rollout, *, reason: str, actor: Actor) -> None:
    """Send a running rollout back to what served before; doing it again changes nothing."""
    _require(rollout, "send back", actor)
    said = _reason(reason, "rollback")
    with transaction.atomic():
        row = lock(rollout)
        if row.state == RolloutState.ROLLING_BACK:
            return
        if row.state != RolloutState.RUNNING:
            raise Conflict(f"{row} is {row.get_state_display().lower()}; there is nothing to send back.")
        if first := _first_open(row):
            RolloutStep.objects.filter(pk=first.pk).update(observed={**first.observed, **compared(row)})
        send_back(row, why=f"{actor.name}: {said}", actor=actor)
        hints.hint(hints.MOVE_ROLLOUTS)


def uncovered(rollout: Rollout, step: RolloutStep) -> str:
    """Return why this step may not raise exposure any more, or an empty string: asked before each that does."""
    if step.name != "route" or rollout.state != RolloutState.RUNNING or rollout.kind != Rollout.Kind.DEPLOY:
        return ""
    if rollout.request and rollout.request.expires_at <= clock.now():
        return f"the approval #{rollout.request_id} expired before {share_of(step)} %"
    starter = rollout.created_by
    if not person(starter, SignedInBy.PASSWORD).holds(rollout.endpoint.environment.permission):
        return f"{starter.username}, who started it, may not deploy here any more"
    return ""


def _left(row: Rollout, *, to_all: bool) -> list[RolloutStep]:
    """Return the steps that a promotion skips: the watch under way and, to all, every share and gate that is left."""
    first = _first_open(row)
    if first is None or first.name not in ({*SEEN_AT, "gate"} if to_all else SEEN_AT):
        raise Conflict(f"{row} is not being watched now.", next_step="Try again when it has reached its share.")
    left = row.steps.filter(position__gte=first.position, name__in=[*SEEN_AT, "route", "gate"])
    return [step for step in left if share_of(step) < ALL] if to_all else [first]


def _first_open(row: Rollout) -> RolloutStep | None:
    return row.steps.exclude(status=StepStatus.DONE).first()


def _end(row: Rollout, steps: list[RolloutStep], why: str) -> None:
    """End steps on a person's word, with what the versions were told apart by until then."""
    moment, told = clock.now(), compared(row)
    for step in steps:
        step.started_at, step.ended_at, step.status = step.started_at or moment, moment, StepStatus.DONE
        step.why, step.observed = why, {**step.observed, **told}
        step.save(update_fields=["started_at", "ended_at", "status", "why", "observed"])


def _unpause(row: Rollout) -> None:
    row.paused_at, row.paused_by = None, None
    row.save(update_fields=["paused_at", "paused_by"])


def _refuse_unsigned(row: Rollout, skipped: list[RolloutStep]) -> None:
    """Raise Conflict where a promotion begins with a share for which the policies ask for more than was signed.

    A share was given, and so proved something, once it lasted as long and took as many requests as it had to at least,
    or its time was over. One that was not, and each that is jumped over, is skipped: what follows is begun with.
    """
    if row.request is None or not [step for step in skipped if step.name == "watch" and not was_given(row, step)]:
        return
    begun = row.steps.filter(position__gt=skipped[-1].position, name="route").first()
    if begun and (lacks := exposure.lacking(row.request, share_of(begun))):
        raise Conflict(
            f"{row} was not signed to begin with {share_of(begun)} %: {lacks}",
            next_step="Let it go from share to share, or ask for a plan that begins there.",
        )


def _refuse_beyond(row: Rollout, step: RolloutStep) -> None:
    """Raise Conflict where what follows `step` is a share beyond what was approved: nobody's word goes further."""
    begun = row.steps.filter(position__gt=step.position, name="route").first()
    if begun and (kept := reach.kept_words(row, begun.share_pct)):
        raise Conflict(f"{row} stays at its share. {kept}", next_step=f"Who may approves #{row.request_id} further.")


def _refuse_frozen(row: Rollout) -> None:
    """Raise Conflict in a freeze: while nothing grows it is better watched than let go on."""
    if frozen := freezing.frozen_words(row):
        raise Conflict(f"{row} cannot grow now. {frozen}", next_step="Let it go on after that, or send it back.")


def _refuse_condemned(row: Rollout) -> None:
    """Raise Conflict where evidence against the rollout waits for a person: it would be kept again at once."""
    first = _first_open(row)
    if first is not None and first.observed.get("verdict") == Decision.ROLLBACK:
        raise Conflict(f"The evidence is against {row}.", next_step="Promote it with a reason, or send it back.")


def _require(rollout: Rollout, deed: str, actor: Actor) -> None:
    require(actor, rollout.endpoint.environment.permission, f"{deed} {rollout}", about=rollout_subject(rollout))


def _running(rollout: Rollout) -> Rollout:
    row = lock(rollout)
    if row.state != RolloutState.RUNNING:
        raise Conflict(f"{row} is {row.get_state_display().lower()}, not running.")
    return row


def _reason(reason: str, what: str) -> str:
    if not written(reason):
        raise Invalid(f"Say why: a {what} needs a reason.", field="reason")
    return written(reason)


BY_NAME: dict[str, Callable[..., None]] = {
    "pause": pause,
    "go_on": go_on,
    "promote": promote,
    "open_gate": open_gate,
    "promote_all": partial(promote, to_all=True),
    "abort": abort,
}
AT_A_SHARE = frozenset({promote, open_gate})  # they take the share that the person saw
