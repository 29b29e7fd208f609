"""The engine: brings what was observed to what is wanted, one rollout at a time, and survives being killed at any line.

Delivery: a rollout is claimed by one conditional UPDATE that raises its fence; the claim runs out by itself. Whatever
happens after a crash, the target is looked at before anything is done, so a step applied twice is one step.
"""

import secrets
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q

from accounts.actors import SYSTEM
from audit.models import Checkpoint, Event
from audit.record import Change, record
from core import clock
from deployments import plan, rollouts
from deployments.models import InstalledRight, Rollout, RolloutStep
from deployments.plan import Act, Sight, StepView
from deployments.states import WORKED_ON, RolloutState, StepStatus
from deployments.targets.contract import GiveUp, Release, Seen, StaleFence, Step, Target, TryAgain
from deployments.targets.kinds import target

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=20)
ME = secrets.token_hex(8)  # this process, for as long as it lives
BACK_OFF_S = (1.0, 3.0, 9.0)


def turn(holder: str | None = None) -> int:
    """Work on every rollout that is due; return how many were claimed. Safe to call from several processes at once."""
    me = holder or ME
    claimed = 0
    for pk in Rollout.objects.filter(state__in=WORKED_ON).order_by("pk").values_list("pk", flat=True):
        if claim(pk, me):
            claimed += 1
            work(pk, me)
    return claimed


def claim(pk: int, holder: str) -> bool:
    """Take the rollout where nobody holds it; the holder itself renews. One conditional UPDATE."""
    moment = clock.now()
    mine = Q(holder=holder, lease_until__gt=moment)
    free = Q(lease_until__lte=moment)
    rows = Rollout.objects.filter(pk=pk, state__in=WORKED_ON)
    if rows.filter(mine).update(lease_until=moment + LEASE):
        return True
    return bool(rows.filter(free).update(holder=holder, lease_until=moment + LEASE, fence=F("fence") + 1))


def work(pk: int, holder: str) -> None:
    """Do the next thing for a claimed rollout. A fault is logged and the claim runs out; nothing is lost."""
    rollout = Rollout.objects.select_related(
        "endpoint__environment", "endpoint__model", "version__model", "version__manifest", "last_good"
    ).get(pk=pk)
    try:
        if rollout.state == RolloutState.QUEUED and not _begin(rollout):
            return
        _go_on(rollout, holder)
    except StaleFence as why:
        log.warning("another engine is ahead", rollout=pk, fence=rollout.fence, why=str(why))
    except TryAgain as why:
        log.info("target asks to try again", rollout=pk, why=str(why))


def _begin(rollout: Rollout) -> bool:
    """Start a queued rollout once its approval is inside a signed checkpoint and its endpoint is free."""
    if rollout.request_id and not _is_sealed(rollout):
        return False
    with transaction.atomic():
        row = rollouts.lock(rollout)
        if row.state != RolloutState.QUEUED:
            return False
        rollouts.advance(row, RolloutState.RUNNING)
    rollout.state = RolloutState.RUNNING
    return True


def _is_sealed(rollout: Rollout) -> bool:
    decided = Event.objects.filter(
        object_kind="approval_request", object_id=str(rollout.request_id), action="request.decided"
    ).order_by("-id")
    seq = decided.values_list("seal__seq", flat=True).first()
    return seq is not None and Checkpoint.objects.filter(size__gt=seq).exists()


def _go_on(rollout: Rollout, holder: str) -> None:
    place = target(rollout.endpoint.target)
    if rollout.state == RolloutState.ROLLING_BACK:
        return _revert(rollout, place, holder)
    steps = list(rollout.steps.all())
    current = next((step for step in steps if step.status != StepStatus.DONE), None)
    seen = _look(rollout, current, place) if current else Seen(Sight.REACHED)
    moment = clock.now()
    decision = plan.next_step([_view(step, moment) for step in steps], seen.sight, rolling_back=False)
    _do(rollout, current, decision, seen, place, holder)
    return None


def _look(rollout: Rollout, step: RolloutStep, place: Target) -> Seen:
    if step.name == "bake":
        return _baked(step)
    return place.observe(_step_of(rollout, step), key=step.key, fence=rollout.fence)


def _baked(step: RolloutStep) -> Seen:
    """Baking is time alone: the new version serves, the old one stands by."""
    if step.started_at is None:
        return Seen(Sight.ABSENT)
    left_s = float(str(step.arguments["for_s"])) - (clock.now() - step.started_at).total_seconds()
    return Seen(Sight.REACHED if left_s <= 0 else Sight.UNDER_WAY, {"left_s": max(0.0, round(left_s, 1))})


def _view(step: RolloutStep, moment: datetime) -> StepView:
    late = step.deadline_at is not None and moment > step.deadline_at
    return StepView(
        step.name, step.status, step.attempts, int(str(step.arguments["attempts"])), late, moment >= step.not_before
    )


def _do(
    rollout: Rollout, step: RolloutStep | None, decision: plan.Decision, seen: Seen, place: Target, holder: str
) -> None:
    if decision.act is Act.APPLY and step:
        _apply(rollout, step, place, holder)
    elif decision.act is Act.FINISH_STEP and step:
        _finish_step(rollout, step, seen, holder)
    elif decision.act is Act.FINISH:
        _finish(rollout, holder)
    elif decision.act is Act.ROLL_BACK and step:
        _give_up_step(rollout, step, decision.why if not seen.why else f"{decision.why}: {seen.why}", holder)
    elif step and seen.facts != step.observed:
        RolloutStep.objects.filter(pk=step.pk).update(observed=dict(seen.facts))


def _apply(rollout: Rollout, step: RolloutStep, place: Target, holder: str) -> None:
    """Note the try first, then act: a crash in between costs one try, never a step nobody knows of."""
    moment = clock.now()
    pause_s = BACK_OFF_S[min(step.attempts, len(BACK_OFF_S) - 1)]
    deadline = step.deadline_at or moment + timedelta(seconds=float(str(step.arguments["deadline_s"])))
    with transaction.atomic():
        if not _still_mine(rollout, holder):
            return
        RolloutStep.objects.filter(pk=step.pk).update(
            status=StepStatus.APPLIED, attempts=F("attempts") + 1, started_at=step.started_at or moment,
            deadline_at=deadline, not_before=moment + timedelta(seconds=pause_s),
        )  # fmt: skip
    if step.name == "bake":
        return
    try:
        place.apply(_step_of(rollout, step), key=step.key, fence=rollout.fence)
    except GiveUp as why:
        _give_up_step(rollout, step, str(why), holder)


def _finish_step(rollout: Rollout, step: RolloutStep, seen: Seen, holder: str) -> None:
    with transaction.atomic():
        row = rollouts.lock(rollout)
        if not _still_mine(row, holder, fence=rollout.fence):
            return
        moved = (
            RolloutStep.objects.filter(pk=step.pk)
            .exclude(status=StepStatus.DONE)
            .update(
                status=StepStatus.DONE,
                ended_at=clock.now(),
                started_at=step.started_at or clock.now(),
                observed=dict(seen.facts),
            )
        )
        if moved:
            facts: dict[str, object] = {
                "step": step.name,
                "key": step.key,
                "fence": rollout.fence,
                "observed": dict(seen.facts),
            }
            record("rollout.step.done", rollouts.rollout_subject(row), actor=SYSTEM, change=Change(facts=facts))


def _finish(rollout: Rollout, holder: str) -> None:
    with transaction.atomic():
        row = rollouts.lock(rollout)
        if row.state == RolloutState.RUNNING and _still_mine(row, holder, fence=rollout.fence):
            InstalledRight.objects.get_or_create(
                rollout=row, defaults={"endpoint": row.endpoint, "version": row.version, "digest": row.digest}
            )
            rollouts.advance(row, RolloutState.DONE)
            rollouts.settle_holds(row)


def _give_up_step(rollout: Rollout, step: RolloutStep, why: str, holder: str) -> None:
    with transaction.atomic():
        row = rollouts.lock(rollout)
        if row.state == RolloutState.RUNNING and _still_mine(row, holder, fence=rollout.fence):
            RolloutStep.objects.filter(pk=step.pk).update(status=StepStatus.FAILED, ended_at=clock.now(), why=why[:500])
            rollouts.advance(row, RolloutState.ROLLING_BACK, why=why)


def _revert(rollout: Rollout, place: Target, holder: str) -> None:
    """Send everything back to the last good version. What cannot be reverted asks an operator."""
    back = str(rollout.last_good.uuid) if rollout.last_good else ""
    try:
        place.revert(_release(rollout), previous=back, key=f"{rollout.uuid}/revert", fence=rollout.fence)
    except GiveUp as why:
        outcome, words = RolloutState.NEEDS_OPERATOR, str(why)
    else:
        outcome, words = RolloutState.ROLLED_BACK, rollout.why
    with transaction.atomic():
        row = rollouts.lock(rollout)
        if row.state == RolloutState.ROLLING_BACK and _still_mine(row, holder, fence=rollout.fence):
            rollouts.advance(row, outcome, why=words)
            rollouts.settle_holds(row)


def _still_mine(rollout: Rollout, holder: str, *, fence: int | None = None) -> bool:
    """Whether the claim still stands in the database: a paused engine finds its fence overtaken and writes nothing."""
    wanted = rollout.fence if fence is None else fence
    return Rollout.objects.filter(pk=rollout.pk, holder=holder, fence=wanted, lease_until__gt=clock.now()).exists()


def _step_of(rollout: Rollout, step: RolloutStep) -> Step:
    back = str(rollout.last_good.uuid) if rollout.last_good else ""
    return Step(step.name, _release(rollout), step.arguments, back)


def _release(rollout: Rollout) -> Release:
    return rollouts.release_of(rollout)
