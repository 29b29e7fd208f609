"""Looks whether a rule's condition holds at an endpoint now, from what its minutes and features say."""

from dataclasses import dataclass
from datetime import timedelta
from functools import singledispatch
from typing import Any

from django.db.models import QuerySet, Sum

from core import clock
from deployments.alerts.documents import Bound, BurnRate, Coverage, Drifted, Silence, in_words
from deployments.endpoints import serving, serving_since
from deployments.models import Endpoint
from monitoring import late
from monitoring.metrics import METRICS
from monitoring.minutes import WINDOW_S, last_told, minute_of
from monitoring.models import Feature, Snapshot
from monitoring.series import Grid
from monitoring.stats.profiles import Severity, severity_of

SHORT = 12  # parts of a burn rate's long span that its short one is: it stops to fire soon after the burning stops
ORDER = list(Severity)
PERCENT = 100.0


@dataclass(frozen=True)
class Sight:
    """Whether a condition holds: None where too little is known to say. `words` say of what, and how much."""

    fires: bool | None
    words: str = ""
    value: float | None = None


UNKNOWN = Sight(None)


@singledispatch
def look(when: object, endpoint: Endpoint) -> Sight:
    """Return whether `when`, a `documents.Condition`, holds at the endpoint."""
    raise TypeError(f"{type(when).__name__} at {endpoint} is no condition")


@look.register
def _(when: Bound, endpoint: Endpoint) -> Sight:
    """The track that is furthest beyond the bound counts; one with too few requests says nothing."""
    whole = METRICS[when.metric].together
    rows = _minutes(endpoint, when.over).values("track", "version")
    seen = [
        (row["whole"], f"{row['track']} v{row['version'] or '?'}")
        for row in rows.annotate(asked=Sum("requests"), whole=whole)
        if row["whole"] is not None and row["asked"] >= when.fewest
    ]
    if not seen:
        return UNKNOWN
    value, where = max(seen) if when.is_above else min(seen)
    fires = value > when.bound if when.is_above else value < when.bound
    unit = METRICS[when.metric].unit
    than = f"{'above' if when.is_above else 'below'} {when.bound:g}" if fires else f"against {when.bound:g}"
    return Sight(fires, f"{when.metric} of {where} is {value:.4g} {unit} over {in_words(when.over)}, {than}.", value)


@look.register
def _(when: BurnRate, endpoint: Endpoint) -> Sight:
    """Both spans have to burn: the long one says that it matters, the short one that it goes on."""
    rates = [_burnt(endpoint, span, when) for span in (when.over, when.over / SHORT)]
    if rates[0] is None:
        return UNKNOWN
    slowest = min(rate or 0.0 for rate in rates)
    words = (
        f"Errors use up the {PERCENT - when.objective_pct:.4g} % that {when.objective_pct:g} % allows "
        f"{rates[0]:.3g} times as fast as it lasts, over {in_words(when.over)}; {when.rate:g} times is the bound."
    )
    return Sight(slowest > when.rate, words, rates[0])


def _burnt(endpoint: Endpoint, span: timedelta, when: BurnRate) -> float | None:
    told = _minutes(endpoint, span).aggregate(asked=Sum("requests"), failed=Sum("errors"))
    asked, failed = told["asked"] or 0, told["failed"] or 0
    if asked < max(1, when.fewest if span == when.over else 1):
        return None
    return float(failed / asked / (1 - when.objective_pct / PERCENT))


@look.register
def _(when: Silence, endpoint: Endpoint) -> Sight:
    """Only where something has served as long, and all that was asked meanwhile is known."""
    serves, since = serving(endpoint), clock.now() - when.span
    known = late.complete_up_to(endpoint.name)
    if serves is None or serving_since(serves) > since or known is None or known < clock.now() - late.LATE:
        return UNKNOWN
    minutes = Grid(minute_of(since), 1, minute_of(clock.now()) - minute_of(since) + 1).snapshots(endpoint.name)
    if minutes.filter(requests__gt=0).exists():
        return Sight(fires=False)
    return Sight(fires=True, words=f"Nobody has asked {endpoint.name} for {in_words(when.span)}.")


@look.register
def _(when: Coverage, endpoint: Endpoint) -> Sight:
    """Of predictions that are old enough to have a label."""
    told: dict[str, Any] = (
        _grid(endpoint, when.over, when.after)
        .snapshots(endpoint.name)
        .aggregate(asked=Sum("requests"), failed=Sum("errors"), labelled=Sum("labelled"))
    )
    predicted = (told["asked"] or 0) - (told["failed"] or 0)
    if predicted < max(1, when.fewest):
        return UNKNOWN
    share = PERCENT * (told["labelled"] or 0) / predicted
    words = (
        f"{share:.3g} % of {predicted:,} predictions have a label {in_words(when.after)} later; "
        f"{when.below_pct:g} % is the bound."
    )
    return Sight(share < when.below_pct, words, share)


@look.register
def _(when: Drifted, endpoint: Endpoint) -> Sight:
    """Of what serves and of any canary: a version that no longer runs is nobody's alert."""
    running = _running(endpoint)
    rows = Feature.objects.filter(endpoint=endpoint.name, version__in=running, alarm_since__isnull=False)
    if when.feature:
        rows = rows.filter(name=when.feature)
    far = [row for row in rows if ORDER.index(severity_of(row.distance or 0.0)) >= ORDER.index(when.severity)]
    if not far:
        return Sight(fires=False)
    worst = max(far, key=lambda row: row.distance or 0.0)
    others = f" and {len(far) - 1} more" if far[1:] else ""
    distance = worst.distance or 0.0
    words = f"{worst.name} of v{worst.version}{others} drifted since {worst.alarm_since}, by {distance:.3f}."
    return Sight(fires=True, words=words, value=distance)


def _minutes(endpoint: Endpoint, span: timedelta) -> QuerySet[Snapshot, Snapshot]:
    """Return what the versions that run there now did: one that was sent back is no reason to send another back."""
    return _grid(endpoint, span).snapshots(endpoint.name).filter(version__in=[*_running(endpoint), ""])


def _running(endpoint: Endpoint) -> set[str]:
    live = endpoint.rollouts.filter(ended_at__isnull=True).values_list("version__version", flat=True)
    serves = serving(endpoint)
    return {str(number) for number in live} | ({str(serves.version.version)} if serves else set())


def _grid(endpoint: Endpoint, span: timedelta, after: timedelta = timedelta()) -> Grid:
    """Return the whole minutes of `span` that ended so long ago, one bucket."""
    minutes = max(1, round(span.total_seconds() / WINDOW_S))
    last = min(last_told(endpoint.name), minute_of(clock.now() - after))
    return Grid(last - minutes + 1, minutes, 1)
