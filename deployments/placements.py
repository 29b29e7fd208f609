"""What runs where: each version that a place runs for an endpoint, what it gets, and how it did when last seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import structlog

from core import clock
from deployments import endpoints, orders
from deployments.autoscaling import running
from deployments.models import Endpoint, Rollout, RolloutStep, Sighting
from deployments.plan import ALL, Sight
from deployments.states import LIVE, StepStatus
from deployments.targets.contract import GiveUp, Seen, TryAgain
from deployments.targets.kinds import target

log = structlog.get_logger(__name__)
LONG_AGO = timedelta(minutes=5)  # a place is looked at every half minute
WORDS = {
    Sight.REACHED: "ready", Sight.UNDER_WAY: "starting", Sight.BROKEN: "broken", Sight.ABSENT: "not there",
    Sight.UNKNOWN: "not reached",
}  # fmt: skip


@dataclass(frozen=True)
class Placement:
    """One version at one endpoint. `share_pct` of the requests reach it; `copies` where it gets copies of them."""

    endpoint: Endpoint
    rollout: Rollout
    share_pct: int
    copies: bool = False

    @property
    def gets(self) -> str:
        """What it gets, in words."""
        if self.copies:
            return "copies"
        if self.share_pct and not self.endpoint.takes_requests:
            return "files"
        return f"{self.share_pct} %" if self.share_pct else "stands by"

    @property
    def seen(self) -> Sighting | None:
        """What its place showed last; None before anybody looked."""
        return getattr(self.rollout, "sighting", None)

    @property
    def health(self) -> str:
        """How it is, in a word or two; `not seen lately` where nobody looked for minutes."""
        if not self.endpoint.takes_requests:
            return "not kept running"
        if self.seen is None:
            return "not looked at yet"
        if clock.now() - self.seen.at > LONG_AGO:
            return "not seen lately"
        return WORDS.get(Sight(self.seen.sight), self.seen.sight)


def look() -> int:
    """Ask each place what it shows of what it should run, and keep the answers; return how many.

    Safe to run twice at once: the later answer stands. What is not run any more is forgotten.
    """
    rows = Endpoint.objects.filter(pattern=Endpoint.Pattern.REST).select_related("model")
    kept = [_look_at(rollout) for endpoint in rows for rollout in running(endpoint)]
    Sighting.objects.exclude(rollout__in=kept).delete()
    return len(kept)


def _look_at(rollout: Rollout) -> int:
    try:
        seen = target(rollout.endpoint.target).runs(orders.release_of(rollout))
    except (TryAgain, GiveUp) as why:
        seen = Seen(Sight.UNKNOWN, why=str(why))
    told = {"sight": str(seen.sight), "why": seen.why[:500], "facts": dict(seen.facts), "at": clock.now()}
    Sighting.objects.update_or_create(rollout=rollout, defaults=told)
    return rollout.pk


def placements(found: Iterable[Endpoint]) -> list[Placement]:
    """Return what runs of these endpoints, by endpoint, what gets most first; as many queries for many as for one."""
    known = {endpoint.pk: endpoint for endpoint in found}
    serves = endpoints.serving_of(known.values())
    rows = Rollout.objects.filter(endpoint__in=known).select_related("version__model", "sighting", "endpoint")
    live = rows.filter(state__in=LIVE, kind=Rollout.Kind.DEPLOY)
    seen = rows.filter(sighting__isnull=False) | rows.filter(pk__in=[one.pk for one in serves.values()])
    by_endpoint: dict[int, dict[int, Rollout]] = {}
    for rollout in (live | seen).distinct().prefetch_related("steps"):
        by_endpoint.setdefault(rollout.endpoint_id, {})[rollout.pk] = rollout
    return [one for pk, endpoint in known.items() for one in _at(endpoint, serves.get(pk), by_endpoint.get(pk, {}))]


def _at(endpoint: Endpoint, serves: Rollout | None, rollouts: dict[int, Rollout]) -> Iterator[Placement]:
    live = next((one for one in rollouts.values() if one.state in LIVE), None)
    share, copies = _reached(live) if live else (0, False)
    given = {live.pk: share} if live else {}
    if serves:
        given[serves.pk] = ALL - share
    every = [Placement(endpoint, one, given.get(pk, 0), copies and one is live) for pk, one in rollouts.items()]
    yield from sorted(every, key=lambda one: (-one.share_pct, -one.rollout.pk))


def _reached(live: Rollout) -> tuple[int, bool]:
    """Return the share that a live rollout has reached, and whether it gets copies."""
    done: list[RolloutStep] = [step for step in live.steps.all() if step.status == StepStatus.DONE]
    shares = [step.share_pct for step in sorted(done, key=lambda step: step.position) if step.name == "route"]
    return (shares[-1] if shares else 0), any(step.name == "mirror" for step in done)
