"""Snapshots as lines over time. A bucket shows its lowest and its highest minute, so that no peak is lost."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.db.models import Case, Count, F, FloatField, Max, Min, Q, QuerySet, Sum, When
from django.db.models.expressions import Combinable, ExpressionWrapper
from django.db.models.functions import NullIf

from core.refusals import Invalid
from monitoring.minutes import WINDOW_S, minute_of, start_of
from monitoring.models import Snapshot

MOST = 2_000  # points a track
WINDOW = float(WINDOW_S)
LONGEST = timedelta(days=90)
Line: TypeAlias = list[float | None]
Lines: TypeAlias = dict[tuple[str, str], Line]  # by metric and track


def _ratio(part: Any, of: Any, times: float = 1.0) -> Combinable:
    """Return part / of; nothing of nothing."""
    return ExpressionWrapper(part * times / NullIf(of, 0), output_field=FloatField())


def _percent(part: Any, of: Any) -> Combinable:
    return _ratio(part, of, 100.0)


def _quantile(name: str) -> "Metric":
    """Return the metric of a quantile; of several windows, their mean by requests."""
    asked = Case(When(**{f"{name}__isnull": False}, then=F("requests")))
    return Metric("ms", F(name), _ratio(Sum(F(name) * F("requests")), Sum(asked)))


def _minutes(**measured: Any) -> Count:
    """Return in how many minutes there was anything; one minute may have several rollouts."""
    return Count("minute", distinct=True, filter=Q(**measured) if measured else None)


@dataclass(frozen=True)
class Metric:
    """What can be drawn: its unit, its value in one snapshot, and in several together."""

    unit: str
    each: Combinable
    together: Combinable


PREDICTED = F("requests") - F("errors")
METRICS: Mapping[str, Metric] = {
    "requests": Metric("a minute", F("requests"), _ratio(Sum("requests"), _minutes())),
    "errors": Metric("%", _percent(F("errors"), F("requests")), _percent(Sum("errors"), Sum("requests"))),
    "p50_ms": _quantile("p50_ms"),
    "p95_ms": _quantile("p95_ms"),
    "p99_ms": _quantile("p99_ms"),
    "accuracy": Metric("%", _percent(F("correct"), F("labelled")), _percent(Sum("correct"), Sum("labelled"))),
    "coverage": Metric("%", _percent(F("labelled"), PREDICTED), _percent(Sum("labelled"), Sum(PREDICTED))),
    "cpu": Metric("cores", F("cpu_s") / WINDOW, _ratio(Sum(F("cpu_s") / WINDOW), _minutes(cpu_s__isnull=False))),
    "memory": Metric("MiB", F("memory_mb"), Max("memory_mb")),
}


@dataclass(frozen=True)
class Grid:
    """Equal buckets of whole minutes that cover a span."""

    first: int  # minute since 1970
    step: int  # minutes
    count: int

    @classmethod
    def over(cls, since: datetime, until: datetime, most: int) -> "Grid":
        """Return the finest grid of at most `most` buckets; raise Invalid for a span that is none or too long."""
        if not timedelta(0) < until - since <= LONGEST:
            raise Invalid(f"A span ends after it begins and is {LONGEST.days} days at most.", field="since")
        low, high = minute_of(since), minute_of(until - timedelta(microseconds=1))
        step = math.ceil((high - low + 1) / max(1, most - 1))
        first = low - low % step
        return cls(first, step, (high - first) // step + 1)

    @property
    def step_s(self) -> int:
        """How long a bucket is."""
        return self.step * WINDOW_S

    @property
    def starts(self) -> list[datetime]:
        """When each bucket begins."""
        return [start_of(self.first + self.step * place) for place in range(self.count)]

    @property
    def at(self) -> list[float]:
        """Two moments of each bucket, in seconds since 1970: its beginning and its middle."""
        return [(self.first * WINDOW_S) + self.step_s * half / 2 for half in range(2 * self.count)]

    def rows(self, endpoint: str) -> QuerySet[Snapshot, Any]:
        """Return the endpoint's snapshots by track and bucket."""
        end = self.first + self.step * self.count
        rows = Snapshot.objects.filter(endpoint=endpoint, minute__gte=self.first, minute__lt=end)
        return rows.order_by().values("track", bucket=(F("minute") - self.first) / self.step)


@dataclass(frozen=True)
class Series:
    """One metric of an endpoint, a line a track; None is a gap."""

    metric: str
    unit: str
    step_s: int
    at: list[float]
    tracks: dict[str, Line]


def series(endpoint: str, since: datetime, until: datetime, metric: str) -> Series:
    """Return `metric` over the span, 2,000 points a track at most; raise Invalid where there is no such metric."""
    if metric not in METRICS:
        raise Invalid(f"There is no metric {metric[:40]}; there are {', '.join(METRICS)}.", field="metric")
    grid = Grid.over(since, until, MOST // 2)
    tracks = {track: line for (_, track), line in drawn(endpoint, grid, [metric]).items()}
    return Series(metric, METRICS[metric].unit, grid.step_s, grid.at, tracks)


def drawn(endpoint: str, grid: Grid, metrics: Iterable[str]) -> Lines:
    """Return lines of two points a bucket: its lowest minute and its highest. A track without any is left out.

    A minute in which a rollout began is told in parts; only buckets of one minute put them together.
    """
    if grid.step == 1:
        return {key: [value for value in line for _ in "ab"] for key, line in together(endpoint, grid, metrics).items()}
    ends = {
        f"{name}_{word}": kind(METRICS[name].each) for name in metrics for word, kind in (("low", Min), ("high", Max))
    }
    lines: Lines = defaultdict(lambda: [None] * (2 * grid.count))
    for row in grid.rows(endpoint).annotate(**ends):
        for column in ends:
            name, _, word = column.rpartition("_")
            if row[column] is not None:
                lines[name, row["track"]][2 * row["bucket"] + (word == "high")] = row[column]
    return dict(lines)


def together(endpoint: str, grid: Grid, metrics: Iterable[str]) -> Lines:
    """Return lines of one point a bucket, all its minutes together. A track without any is left out."""
    wholes = {f"{name}_whole": METRICS[name].together for name in metrics}
    lines: Lines = defaultdict(lambda: [None] * grid.count)
    for row in grid.rows(endpoint).annotate(**wholes):
        for column in wholes:
            if row[column] is not None:
                lines[column.removesuffix("_whole"), row["track"]][row["bucket"]] = row[column]
    return dict(lines)


def last_minute(endpoint: str, since: datetime, until: datetime) -> int | None:
    """Return the last minute of the span in which something was asked; None where nothing was."""
    span = {"minute__gte": minute_of(since), "minute__lt": minute_of(until)}
    rows = Snapshot.objects.filter(endpoint=endpoint, requests__gt=0, **span)
    return rows.order_by("-minute").values_list("minute", flat=True).first()
