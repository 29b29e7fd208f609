"""When an endpoint's traffic moved: what charts mark."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.models import Event
from deployments.models import Endpoint, Rollout, RolloutStep
from deployments.states import StepStatus
from deployments.watching import share_of

MOST = 200
SENT_ON = ("rollout.promoted", "rollout.gate.opened")
MOVES_TRAFFIC = ("route", "revert")


@dataclass(frozen=True)
class Shift:
    """One moment from which on a version took a share of the requests, or gave them back."""

    at: datetime
    rollout: Rollout
    version: int | None  # None: nothing serves any more
    share_pct: int
    is_back: bool
    by: str = ""  # who asked for it; nobody where evidence sent it back
    acted: str = ""  # the person who made it move at this moment; nobody where plan and evidence did


def shifts(endpoint: Endpoint, since: datetime, until: datetime) -> list[Shift]:
    """Return the shifts in the span, oldest first; of more than 200 the latest."""
    rows = RolloutStep.objects.filter(
        rollout__endpoint=endpoint, name__in=MOVES_TRAFFIC, status=StepStatus.DONE, ended_at__range=(since, until)
    ).select_related("rollout__version", "rollout__created_by", "rollout__last_good__version")
    steps = list(reversed(rows.order_by("-ended_at")[:MOST]))
    back = {str(step.rollout_id) for step in steps if step.name == "revert"}
    told = Event.objects.filter(object_kind="rollout", object_id__in=back, action="rollout.rolling_back")
    people = dict(told.filter(actor_kind="user").order_by("id").values_list("object_id", "actor_name"))
    sent_on = _sent_on(steps)
    return [_shift(step, people, sent_on.get(step.pk, "")) for step in steps]


def _sent_on(steps: Sequence[RolloutStep]) -> dict[int, str]:
    """Return by route step who sent the rollout on to it: the last person who did since the share before."""
    routes = [step for step in steps if step.name == "route"]
    told = Event.objects.filter(
        object_kind="rollout", object_id__in={str(step.rollout_id) for step in routes}, action__in=SENT_ON
    )
    acts: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for number, at, name in told.order_by("id").values_list("object_id", "at", "actor_name"):
        acts[number].append((at, name))
    found, before = {}, {step.rollout_id: step.rollout.created_at for step in routes}
    for step in routes:
        ended_at = step.ended_at or step.not_before
        names = [name for at, name in acts[str(step.rollout_id)] if before[step.rollout_id] < at <= ended_at]
        found[step.pk], before[step.rollout_id] = (names or [""])[-1], ended_at
    return found


def _shift(step: RolloutStep, people: Mapping[str, str], sent_on: str) -> Shift:
    rollout, at = step.rollout, step.ended_at or step.not_before
    if step.name == "route":
        by = rollout.created_by.username
        return Shift(at, rollout, rollout.version.version, share_of(step), is_back=False, by=by, acted=sent_on)
    back = rollout.last_good
    version, by = back.version.version if back else None, people.get(str(rollout.pk), "")
    if rollout.kind == Rollout.Kind.WITHDRAW:
        by = by or rollout.created_by.username
    return Shift(at, rollout, version, 100, is_back=True, by=by, acted=by)
