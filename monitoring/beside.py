"""Two versions of an endpoint side by side: what they did in the hours in which both were asked."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, F, Q, Sum, When

from core.refusals import Invalid
from monitoring import outcomes
from monitoring.hours import MINUTES
from monitoring.models import Snapshot
from monitoring.outcomes import hour_of
from monitoring.stats import quality
from monitoring.stats.gaps import Gap, gap
from monitoring.stats.quality import Measure, Worths
from monitoring.stats.summary import Z95, wilson
from monitoring.stats.told import Told

LONGEST = timedelta(days=7)
THOUSAND, HOUR_S = 1_000, 3_600
LATENCY = ("p50_ms", "p95_ms", "p99_ms")
MEASURES = ("coverage", "value", "accuracy", "precision", "recall", "auc", "brier", "ece", "mae", "rmse")
NEITHER = frozenset({"requests", "coverage"})  # of which more is neither better nor worse
MORE_IS_BETTER = frozenset({"value", "accuracy", "precision", "recall", "auc"})


@dataclass(frozen=True)
class Compared:
    """One measure of both versions, and the second's less the first's where both are known."""

    name: str
    first: Measure | None
    second: Measure | None

    @property
    def gap(self) -> Gap | None:
        """The difference."""
        return None if self.name in NEITHER else gap(self.first, self.second)

    @property
    def word(self) -> str:
        """What the second version is beside the first: better, worse, or empty where that is no more than chance."""
        if (found := self.gap) is None or found.is_chance:
            return ""
        return "better" if (found.value > 0) == (self.name in MORE_IS_BETTER) else "worse"


@dataclass(frozen=True)
class Beside:
    """Two versions in `hours` of the span, in which both were asked; `versions` are all that were."""

    versions: Sequence[str]
    first: str
    second: str
    hours: int
    compared: Sequence[Compared]


def beside(
    endpoint: str,
    since: datetime,
    until: datetime,
    first: str = "",
    second: str = "",
    worths: Worths | None = None,
) -> Beside:
    """Return both versions over a span of 7 days at most; those that were asked most where they are not named.

    Raises Invalid for a span that is none or too long.
    """
    if not timedelta(0) < until - since <= LONGEST:
        raise Invalid(f"A span ends after it begins and is {LONGEST.days} days at most.", field="since")
    told = _by_hour(endpoint, since, until)
    asked = {version: sum(one.asked for one in hours.values()) for version, hours in told.items()}
    versions = sorted(asked, key=lambda version: (-asked[version], version))
    first, second = _chosen(versions, first, second)
    common = sorted(told.get(first, {}).keys() & told.get(second, {}).keys())
    if not common or first == second:
        return Beside(versions, first, second, 0, ())
    done = _done(endpoint, common, (first, second))
    sides = [
        {**done.get(name, {}), **_outcomes([told[name][hour] for hour in common], worths or {})}
        for name in (first, second)
    ]
    names = ("requests", "errors", *LATENCY, "cpu_s", "cost", *MEASURES)
    shown = [name for name in names if any(name in side for side in sides)]
    return Beside(
        versions, first, second, len(common), [Compared(name, *(side.get(name) for side in sides)) for name in shown]
    )


def _chosen(versions: Sequence[str], first: str, second: str) -> tuple[str, str]:
    first = first or next((name for name in versions if name != second), "")
    return first, second or next((name for name in versions if name != first), "")


def _by_hour(endpoint: str, since: datetime, until: datetime) -> Mapping[str, dict[int, Told]]:
    """Return what each version's labels say by hour, whatever its track; only hours in which it was asked."""
    found: dict[str, dict[int, Told]] = defaultdict(dict)
    for hour, part, told in outcomes.kept(endpoint, hour_of(since), hour_of(until) + 1, 1):
        if part.version and told.asked and part.track != "shadow":
            whole = found[part.version].setdefault(hour, Told())
            whole += told
    return found


def _outcomes(hours: Iterable[Told], worths: Worths) -> dict[str, Measure]:
    whole = Told()
    for told in hours:
        whole += told
    covered = quality.coverage(whole)
    return {**({"coverage": covered} if covered else {}), **quality.measures(whole, worths)}


def _done(endpoint: str, hours: Sequence[int], versions: Sequence[str]) -> dict[str, dict[str, Measure]]:
    """Return by version its traffic, errors, latency, CPU and cost over the hours."""
    rows = Snapshot.objects.filter(
        endpoint=endpoint, version__in=versions, minute__gte=hours[0] * MINUTES, minute__lt=(hours[-1] + 1) * MINUTES
    ).exclude(track="shadow")
    if hours[-1] - hours[0] + 1 > len(hours):
        rows = rows.annotate(hour=F("minute") / MINUTES).filter(hour__in=hours)
    return {row["version"]: _measured(row) for row in rows.order_by().values("version").annotate(**_sums())}


def _sums() -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "asked": Sum("requests"), "failed": Sum("errors"), "cpu": Sum("cpu_s"),
        "counted": Sum("requests", filter=Q(cpu_s__isnull=False)),
    }  # fmt: skip
    for name in LATENCY:
        wanted[f"{name}_sum"] = Sum(F(name) * F("requests"))
        wanted[f"{name}_squares"] = Sum(F(name) * F(name) * F("requests"))
        wanted[f"{name}_of"] = Sum(Case(When(**{f"{name}__isnull": False}, then=F("requests"))))
        wanted[f"{name}_minutes"] = Count(name)
    return wanted


def _measured(row: Mapping[str, Any]) -> dict[str, Measure]:
    asked = row["asked"]
    found = {"requests": Measure(asked, None, None, asked)}
    if interval := wilson(row["failed"], asked):
        found["errors"] = Measure(row["failed"] / asked, *interval, asked)
    for name in LATENCY:
        if row[f"{name}_of"]:
            found[name] = _mean(*(row[f"{name}_{part}"] for part in ("sum", "squares", "of", "minutes")))
    if row["cpu"] and row["counted"]:
        spent = THOUSAND * row["cpu"] / row["counted"]
        found["cpu_s"] = Measure(spent, None, None, row["counted"])
        if settings.CORE_HOUR_PRICE:
            found["cost"] = Measure(spent / HOUR_S * settings.CORE_HOUR_PRICE, None, None, row["counted"])
    return found


def _mean(total: float, squares: float, of: int, minutes: int) -> Measure:
    """Return the mean of a quantile of minutes, by requests; its interval is as sure as there are minutes."""
    mean = total / of
    half = Z95 * sqrt(max(0.0, squares / of - mean**2) / minutes)
    return Measure(mean, max(0.0, mean - half), mean + half, of)
