"""When an endpoint's traffic moved: what charts mark."""

from dataclasses import dataclass
from datetime import datetime

from deployments.models import Endpoint, Rollout, RolloutStep
from deployments.states import StepStatus
from deployments.watching import share_of

MOST = 200
MOVES_TRAFFIC = ("route", "revert")


@dataclass(frozen=True)
class Shift:
    """One moment from which on a version took a share of the requests, or gave them back."""

    at: datetime
    rollout: Rollout
    version: int | None  # None: nothing serves any more
    share_pct: int
    is_back: bool


def shifts(endpoint: Endpoint, since: datetime, until: datetime) -> list[Shift]:
    """Return the shifts in the span, oldest first; of more than 200 the latest."""
    rows = RolloutStep.objects.filter(
        rollout__endpoint=endpoint, name__in=MOVES_TRAFFIC, status=StepStatus.DONE, ended_at__range=(since, until)
    ).select_related("rollout__version", "rollout__created_by", "rollout__last_good__version")
    return [_shift(step) for step in reversed(rows.order_by("-ended_at")[:MOST])]


def _shift(step: RolloutStep) -> Shift:
    rollout, at = step.rollout, step.ended_at or step.not_before
    if step.name == "route":
        return Shift(at, rollout, rollout.version.version, share_of(step), is_back=False)
    back = rollout.last_good
    return Shift(at, rollout, back.version.version if back else None, 100, is_back=True)
