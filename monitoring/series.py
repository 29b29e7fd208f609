"""Snapshots as lines over time. A bucket shows its lowest and its highest minute, so that no peak is lost.

Buckets of whole hours are read from the hours that closed, a sixtieth of the rows, and say the same.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.db.models import Case, F, Max, Min, QuerySet, Sum, Value, When

from core.refusals import Invalid
from monitoring.hours import MINUTES, STABLE
from monitoring.metrics import METRICS, ratio
from monitoring.minutes import WINDOW_S, minute_of, start_of
from monitoring.models import Hour, Snapshot

MOST = 2_000  # points a track
LONGEST = timedelta(days=90)
BY_MINUTES = timedelta(days=2)  # spans over it have buckets of whole hours
Line: TypeAlias = list[float | None]
Lines: TypeAlias = dict[tuple[str, str], Line]  # by metric and name: a track, or one of several versions on it
Names: TypeAlias = Mapping[tuple[str, str], str]  # of a track's versions, where a track is more than one line


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
        unit = MINUTES if until - since > BY_MINUTES else 1
        step = unit * math.ceil((high - low + 1) / unit / max(1, most - 1))
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

    @property
    def is_hourly(self) -> bool:
        """Whether each bucket is whole hours."""
        return self.step % MINUTES == 0 == self.first % MINUTES

    def snapshots(self, endpoint: str) -> QuerySet[Snapshot, Snapshot]:
        """Return the endpoint's snapshots in it."""
        end = self.first + self.step * self.count
        return Snapshot.objects.filter(endpoint=endpoint, minute__gte=self.first, minute__lt=end).order_by()

    def hours(self, endpoint: str, metrics: Iterable[str]) -> QuerySet[Hour, Hour]:
        """Return the endpoint's hours in it."""
        first, end = self.first // MINUTES, (self.first + self.step * self.count) // MINUTES
        return Hour.objects.filter(endpoint=endpoint, metric__in=metrics, hour__gte=first, hour__lt=end).order_by()


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
    tracks = {name: line for (_, name), line in drawn(endpoint, grid, [metric], apart(endpoint, grid)).items()}
    return Series(metric, METRICS[metric].unit, grid.step_s, grid.at, tracks)


def apart(endpoint: str, grid: Grid) -> Names:
    """Return a name for each version that was a canary, or a shadow, in the span where there were several.

    The stable version is one line whatever it is: it is what callers get.
    """
    rows: QuerySet[Any, Any] = grid.hours(endpoint, ["requests"]) if grid.is_hourly else grid.snapshots(endpoint)
    seen = defaultdict(list)
    for track, version in rows.exclude(track=STABLE).values_list("track", "version").distinct():
        seen[track].append(version)
    several = {track: versions for track, versions in seen.items() if len(versions) > 1}
    return {
        (track, version): f"{track} v{version or '?'}" for track, versions in several.items() for version in versions
    }


def drawn(endpoint: str, grid: Grid, metrics: Collection[str], names: Names) -> Lines:
    """Return lines of two points a bucket: its lowest minute and its highest. A track without any is left out.

    A minute in which a rollout began is told in parts; only buckets of one minute put them together.
    """
    if grid.step == 1:
        whole = together(endpoint, grid, metrics, names)
        return {key: [value for value in line for _ in "ab"] for key, line in whole.items()}
    lines: Lines = defaultdict(lambda: [None] * (2 * grid.count))
    for metric, name, bucket, low, high in _ends(endpoint, grid, metrics, names):
        if low is not None:
            lines[metric, name][2 * bucket : 2 * bucket + 2] = [low, high]
    return dict(lines)


def together(endpoint: str, grid: Grid, metrics: Collection[str], names: Names) -> Lines:
    """Return lines of one point a bucket, all its minutes together. A track without any is left out."""
    lines: Lines = defaultdict(lambda: [None] * grid.count)
    for metric, name, bucket, value in _wholes(endpoint, grid, metrics, names):
        if value is not None:
            lines[metric, name][bucket] = value
    return dict(lines)


def _ends(endpoint: str, grid: Grid, metrics: Collection[str], names: Names) -> Iterator[tuple[Any, ...]]:
    """Yield metric, name, bucket, and the lowest and highest of its minutes."""
    if grid.is_hourly:
        hours = _by_bucket(grid.hours(endpoint, metrics), grid, names, F("hour") * MINUTES, "metric")
        yield from hours.annotate(Min("low"), Max("high")).values_list(
            "metric", "name", "bucket", "low__min", "high__max"
        )
        return
    ends = {
        f"{name}_{word}": kind(METRICS[name].each) for name in metrics for word, kind in (("low", Min), ("high", Max))
    }
    for row in _by_bucket(grid.snapshots(endpoint), grid, names, F("minute")).annotate(**ends):
        for metric in metrics:
            yield metric, row["name"], row["bucket"], row[f"{metric}_low"], row[f"{metric}_high"]


def _wholes(endpoint: str, grid: Grid, metrics: Collection[str], names: Names) -> Iterator[tuple[Any, ...]]:
    """Yield metric, name, bucket, and what its minutes say together."""
    if grid.is_hourly:
        hours = _by_bucket(grid.hours(endpoint, metrics), grid, names, F("hour") * MINUTES, "metric")
        told = hours.annotate(whole=ratio(Sum("total"), Sum("of")), peak=Max("high"))
        for metric, name, bucket, whole, peak in told.values_list("metric", "name", "bucket", "whole", "peak"):
            yield metric, name, bucket, whole if METRICS[metric].total else peak
        return
    wholes = {f"{name}_whole": METRICS[name].together for name in metrics}
    for row in _by_bucket(grid.snapshots(endpoint), grid, names, F("minute")).annotate(**wholes):
        for metric in metrics:
            yield metric, row["name"], row["bucket"], row[f"{metric}_whole"]


def _by_bucket(rows: QuerySet[Any, Any], grid: Grid, names: Names, minute: Any, *by: str) -> QuerySet[Any, Any]:
    """Return the rows grouped by name and bucket."""
    whens = [When(track=track, version=version, then=Value(name)) for (track, version), name in names.items()]
    return rows.values(*by, name=Case(*whens, default=F("track")), bucket=(minute - grid.first) / grid.step)


def first_minute(endpoint: str) -> int | None:
    """Return the first minute that is told of; None where there is none."""
    return Snapshot.objects.filter(endpoint=endpoint).order_by("minute").values_list("minute", flat=True).first()


def last_minute(endpoint: str, since: datetime, until: datetime) -> int | None:
    """Return the last minute of the span in which something was asked; None where nothing was."""
    span = {"minute__gte": minute_of(since), "minute__lt": minute_of(until)}
    rows = Snapshot.objects.filter(endpoint=endpoint, requests__gt=0, **span)
    return rows.order_by("-minute").values_list("minute", flat=True).first()
