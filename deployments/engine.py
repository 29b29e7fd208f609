"""The engine: brings what was observed to what is wanted, one rollout at a time, and survives being killed at any line.

Delivery: a rollout is claimed by one conditional UPDATE that raises its fence; the claim runs out by itself, or is over
once its holder is seen to have ended. Whatever happens after a crash, the target is looked at before anything is done,
so a step applied twice is one step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F

from accounts.actors import SYSTEM
from audit.models import Checkpoint, Event
from audit.record import Change, record
from audit.replay.mismatches import open_count
from core import clock
from deployments import attested, claims, freezing, holders, orders, plan, reach, rollouts, steering, used, watching
from deployments.endpoints import way_back
from deployments.history import serves
from deployments.models import Rollout, RolloutStep
from deployments.plan import Act, Sight, StepView
from deployments.states import LIVE, WORKED_ON, RolloutState, StepStatus
from deployments.targets.contract import GiveUp, Seen, StaleFence, Target, TryAgain
from deployments.targets.kinds import target

log = structlog.get_logger(__name__)
LETS_THROUGH = ("request.decided", "glass.broken")
BACK_OFF_S = (1.0, 3.0, 9.0)
BACK_OFF_AT_MOST = timedelta(seconds=BACK_OFF_S[-1])


def turn(holder: str | None = None) -> int:
    """Work on every rollout that is due; return how many were claimed. Safe to call from several processes at once."""
    me = holder or holders.me()
    claimed = 0
    for pk in Rollout.objects.filter(state__in=WORKED_ON).order_by("pk").values_list("pk", flat=True):
        if claim(pk, me):
            claimed += 1
            work(pk, me)
    return claimed


def claim(pk: int, holder: str) -> bool:
    """Take the rollout where nobody holds it; the holder itself renews."""
    return claims.take(Rollout.objects.filter(pk=pk, state__in=WORKED_ON), holder)


def work(pk: int, holder: str) -> None:
    """Do what can be done now for a claimed rollout. A fault is logged and the claim runs out; nothing is lost."""
    rollout = rollouts.whole(pk)
    try:
        if rollout.state == RolloutState.QUEUED and not _begin(rollout, holder):
            return
        while _go_on(rollouts.whole(pk), holder):
            pass
    except StaleFence as why:
        log.warning("another engine is ahead", rollout=pk, fence=rollout.fence, why=str(why))
    except TryAgain as why:
        log.info("target asks to try again", rollout=pk, why=str(why))


def _begin(rollout: Rollout, holder: str) -> bool:
    """Start a queued rollout once its approval is inside a signed checkpoint and its endpoint is free.

    While a row differs from the ledger, and in a freeze, only what goes back starts, and that only where it is itself
    what the ledger says.
    """
    if rollout.request_id and not _is_sealed(rollout):
        return False
    if rollout.kind == Rollout.Kind.DEPLOY and (open_count() or freezing.frozen(rollout)):
        return False
    if why := attested.against(rollout.endpoint, f"begin {rollout}", rollout):
        Rollout.objects.filter(pk=rollout.pk, state=RolloutState.QUEUED).update(why=why[:500])
        return False
    with _held(rollout, holder) as row:
        if row is None or row.endpoint.rollouts.filter(state__in=LIVE).exists():
            return False
        if rollouts.is_overtaken(row):
            rollouts.advance(row, RolloutState.CANCELLED, why="Another version was installed meanwhile.")
            return False
        rollouts.begin(row)
    return True


def _is_sealed(rollout: Rollout) -> bool:
    decided = Event.objects.filter(
        object_kind="approval_request", object_id=str(rollout.request_id), action__in=LETS_THROUGH
    ).order_by("-id")
    seq = decided.values_list("seal__seq", flat=True).first()
    return seq is not None and Checkpoint.objects.filter(size__gt=seq).exists()


def _go_on(rollout: Rollout, holder: str) -> bool:
    """Look at the first step that is not done and do what the plan says; return whether more can be done at once."""
    if rollout.state not in WORKED_ON:
        return False
    place = target(rollout.endpoint.target)
    steps = rollouts.steps_now(rollout)
    current = next((step for step in steps if step.status != StepStatus.DONE), None)
    seen = _look(rollout, current, place) if current else Seen(Sight.REACHED)
    moment = clock.now()
    decision = plan.next_step([_view(step, moment) for step in steps], seen.sight)
    if decision.act is Act.FINISH:
        return _finish(rollout, holder)
    return current is not None and _do(Turn(rollout, current, place, holder), decision, seen)


def _look(rollout: Rollout, step: RolloutStep, place: Target) -> Seen:
    if step.name in LOOKED_AT_HERE:
        return LOOKED_AT_HERE[step.name](rollout, step)
    try:
        return place.observe(orders.step_of(rollout, step), key=step.key, fence=rollout.fence)
    except TryAgain as why:
        if step.deadline_at is None:
            RolloutStep.objects.filter(pk=step.pk).update(deadline_at=_deadline(step))
        return Seen(Sight.UNKNOWN, step.observed, str(why))
    except GiveUp as why:
        return Seen(Sight.BROKEN, step.observed, str(why))


def _is_kept(rollout: Rollout, step: RolloutStep) -> bool:
    """Whether the rollout may not take a share now: in a freeze, or without a signature for it that is sealed."""
    if rollout.state != RolloutState.RUNNING:
        return False
    if freezing.frozen(rollout) or reach.kept_words(rollout, step.share_pct):
        return True
    return bool(rollout.request_id) and not _is_sealed(rollout)


def _baked(rollout: Rollout, step: RolloutStep) -> Seen:
    """Baking is time alone: the new version serves, the old one stands by, for as long as a person pauses it."""
    if step.started_at is None:
        return Seen(Sight.ABSENT)
    for_s = float(str(step.arguments["for_s"]))
    left_s = for_s - (clock.now() - step.started_at).total_seconds()
    if left_s > for_s:  # the clock was set back: its time begins again
        RolloutStep.objects.filter(pk=step.pk).update(started_at=clock.now())
    is_paused = rollout.paused_at is not None
    if is_paused:
        watching.keep_time(step, clock.now())
    is_over = left_s <= 0 and not is_paused
    return Seen(Sight.REACHED if is_over else Sight.UNDER_WAY, {"left_s": max(0.0, round(left_s, 1))})


LOOKED_AT_HERE = {
    "bake": _baked,
    "watch": watching.look,
    "compare": watching.look_at_copies,
    "gate": watching.look_at_gate,
}  # no target has a part in these


def _view(step: RolloutStep, moment: datetime) -> StepView:
    late = step.deadline_at is not None and moment > step.deadline_at
    due = not clock.is_ahead(step.not_before, BACK_OFF_AT_MOST)
    return StepView(step.name, step.status, step.attempts, int(str(step.arguments["attempts"])), late, due)


@dataclass(frozen=True)
class Turn:
    """One step of a rollout in the hands of the engine that claimed it."""

    rollout: Rollout
    step: RolloutStep
    place: Target
    holder: str


def _do(turn: Turn, decision: plan.Decision, seen: Seen) -> bool:
    """Do what was decided; return whether more can be done at once."""
    why = ": ".join(part for part in (decision.why, seen.why) if part)
    if decision.act is Act.APPLY:
        untold = _untold(turn)
        return _ask_operator(turn, untold) if untold else _apply(turn)
    if decision.act is Act.FINISH_STEP:
        return _finish_step(turn, seen)
    if decision.act is Act.ROLL_BACK:
        return _give_up_step(turn, why, dict(seen.facts))
    if decision.act is Act.ASK_OPERATOR:
        return _ask_operator(turn, why)
    if decision.act is Act.PAUSE:
        _pause(turn, str(seen.facts["sentence"]))
    _note(turn.step, seen)
    return False


def _note(step: RolloutStep, seen: Seen) -> None:
    """Keep what was seen, and why a target makes it wait."""
    waits_for = step.why if step.name in LOOKED_AT_HERE else seen.why[:500]
    if (seen.facts, waits_for) != (step.observed, step.why):
        RolloutStep.objects.filter(pk=step.pk).update(observed=dict(seen.facts), why=waits_for)


def _apply(turn: Turn) -> bool:
    """Note the try first, then act: a crash in between costs one try, never a step nobody knows of."""
    moment, step = clock.now(), turn.step
    if why := steering.uncovered(turn.rollout, step):
        return _give_up_step(turn, why)
    if step.name == "route" and _is_kept(turn.rollout, step):
        against = watching.against(turn.rollout)
        return _give_up_step(turn, against) if against else False
    pause_s = BACK_OFF_S[min(step.attempts, len(BACK_OFF_S) - 1)]
    with transaction.atomic():
        if not _still_mine(turn.rollout, turn.holder):
            return False
        RolloutStep.objects.filter(pk=step.pk).update(
            status=StepStatus.APPLIED, attempts=F("attempts") + 1, started_at=step.started_at or moment,
            deadline_at=step.deadline_at or _deadline(step), not_before=moment + timedelta(seconds=pause_s),
        )  # fmt: skip
    if step.name in LOOKED_AT_HERE:
        return True
    watching.prepare(turn.rollout, step)
    act = turn.place.revert if step.name == plan.REVERT.name else turn.place.apply
    try:
        act(orders.step_of(turn.rollout, step), key=step.key, fence=turn.rollout.fence)
    except TryAgain as why:
        RolloutStep.objects.filter(pk=step.pk).update(why=str(why)[:500])
        raise
    except GiveUp as why:
        give_up = _ask_operator if step.name in plan.NO_WAY_BACK else _give_up_step
        return give_up(turn, str(why))
    return False


def _untold(turn: Turn) -> str:
    """Return why a target may not be told of the step: what it brings, or goes back to, is not what the ledger says."""
    if turn.step.name in LOOKED_AT_HERE:
        return ""
    brings = None if turn.step.name == plan.REVERT.name else turn.rollout
    return attested.against(turn.rollout.endpoint, f"go on with {turn.rollout}", brings, way_back(turn.rollout))


def _deadline(step: RolloutStep) -> datetime:
    return clock.now() + timedelta(seconds=float(str(step.arguments["deadline_s"])))


def _finish_step(turn: Turn, seen: Seen) -> bool:
    with _held(turn.rollout, turn.holder) as row:
        if row is None:
            return False
        step, facts = turn.step, dict(seen.facts)
        open_step = RolloutStep.objects.filter(pk=step.pk).exclude(status=StepStatus.DONE)
        moved = open_step.update(
            status=StepStatus.DONE, ended_at=clock.now(), started_at=step.started_at or clock.now(), observed=facts,
            why="",
        )  # fmt: skip
        if moved:
            told: dict[str, object] = {"step": step.name, "key": step.key, "fence": row.fence, "observed": facts}
            told |= serves(row, step)
            record("rollout.step.done", rollouts.rollout_subject(row), actor=SYSTEM, change=Change(facts=told))
    return bool(moved)


def _finish(rollout: Rollout, holder: str) -> bool:
    """All steps are done: the version is installed, or gone, or everything is as it was before.

    Where the rollout is not what the ledger says it leaves no right, and waits for an operator.
    """
    why = attested.against(rollout.endpoint, f"end {rollout}", rollout) if rollout.state == RolloutState.RUNNING else ""
    with _held(rollout, holder) as row:
        if row is None:
            return False
        withdraws = row.kind == Rollout.Kind.WITHDRAW
        if why:
            rollouts.advance(row, RolloutState.NEEDS_OPERATOR, why=why)
        elif row.state == RolloutState.RUNNING:
            rollouts.advance(row, RolloutState.DONE)
            if not withdraws:
                rollouts.install(row)
            used.use_up(row)
        elif withdraws:
            rollouts.advance(row, RolloutState.NEEDS_OPERATOR, why=f"Requests are refused. {row.why}")
        else:
            rollouts.advance(row, RolloutState.ROLLED_BACK, why=row.why)
            rollouts.spend_approval(row)
        rollouts.settle_holds(row)
    return False


def _give_up_step(turn: Turn, why: str, facts: dict[str, object] | None = None) -> bool:
    """The step failed, and the rollout goes back; `facts` are the last that was seen of it."""
    with _held(turn.rollout, turn.holder) as row:
        if row is None:
            return False
        _fail(turn.step, why, facts)
        rollouts.send_back(row, why=why)
    return True


def _pause(turn: Turn, why: str) -> None:
    """Keep the rollout at its share until a person decides."""
    with _held(turn.rollout, turn.holder) as row:
        if row is not None:
            steering.keep(row, reason=why, actor=SYSTEM)


def _ask_operator(turn: Turn, why: str) -> bool:
    """The step failed, and only a person knows what to do."""
    with _held(turn.rollout, turn.holder) as row:
        if row is not None:
            _fail(turn.step, why)
            rollouts.advance(row, RolloutState.NEEDS_OPERATOR, why=why)
    return False


def _fail(step: RolloutStep, why: str, facts: dict[str, object] | None = None) -> None:
    seen = facts or step.observed
    RolloutStep.objects.filter(pk=step.pk).update(
        status=StepStatus.FAILED, ended_at=clock.now(), why=why[:500], observed=seen
    )


@contextmanager
def _held(rollout: Rollout, holder: str) -> Iterator[Rollout | None]:
    """Give the rollout under its model's lock, or None where it moved on or the claim no longer stands."""
    with transaction.atomic():
        row = rollouts.lock(rollout)
        yield row if row.state == rollout.state and _still_mine(rollout, holder) else None


def _still_mine(rollout: Rollout, holder: str) -> bool:
    """Whether the claim still stands in the database: a paused engine finds its fence overtaken and writes nothing."""
    claimed = Rollout.objects.filter(pk=rollout.pk, holder=holder, fence=rollout.fence)
    return claimed.filter(lease_until__gt=clock.now()).exists()
