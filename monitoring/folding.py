"""Counts samples into the hours of their features, and then forgets the values. Each sample is counted once.

A feature's reference is the training sample's column. Where that has none it is the first rows that come: they wait as
they are until there are enough, and become the reference.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from core import clock
from monitoring import training
from monitoring.models import Feature, FeatureHour, FeatureSample
from monitoring.packing import baseline_of, pack_window, packed, window_of
from monitoring.samples import MOST_COLUMNS, allowed
from monitoring.stats.profiles import Baseline, Weighed, Window
from serving.contract import ContractError, FeaturePolicy, Layout, load

HOUR_S = 3_600
MOST = 500  # samples a version and call
ENOUGH = 10_000  # first rows that are a reference
LONG, LEAST = timedelta(days=1), 100  # or, after a day, so many
Part = tuple[str, str]  # endpoint and version
Sources = Feature.Source


@dataclass
class Counted:
    """What samples say of a feature in one hour."""

    of: int = 0
    values: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))  # by how many rows each stands for


def fold() -> int:
    """Count what came; return how many samples were counted. May run twice at once."""
    parts = FeatureSample.objects.filter(waits=False).order_by().values_list("endpoint", "version").distinct()
    return sum(_fold(part) for part in parts)


def _fold(part: Part) -> int:
    endpoint, version = part
    mine = FeatureSample.objects.filter(endpoint=endpoint, version=version)
    trained = _trained(part, mine.values_list("digest", flat=True).first() or "")
    with transaction.atomic("telemetry"):
        samples = list(mine.filter(waits=False).select_for_update().order_by("pk")[:MOST])
        for sample in samples:
            allowed(sample, _policy(endpoint))
        features = _features(part, samples, trained)
        for name, feature in features.items():
            _count(feature, _by_hour(samples, name))
        _leave(samples, features)
        _pin_waiting(part, features)
    return len(samples)


def _trained(part: Part, digest: str) -> training.Columns:
    """Return the training sample where the version is seen for the first time."""
    endpoint, version = part
    is_known = Feature.objects.filter(endpoint=endpoint, version=version).exists()
    return {} if is_known else training.columns_of(digest)


def _policy(endpoint: str) -> FeaturePolicy | None:
    try:
        return load(Layout(Path(settings.HOME)).feature_policy(endpoint), FeaturePolicy)
    except (OSError, ContractError):
        return None


def _features(part: Part, samples: Iterable[FeatureSample], trained: training.Columns) -> dict[str, Feature]:
    """Return the features that have a reference, by name; those of the training sample get it now."""
    endpoint, version = part
    known = {row.name: row for row in Feature.objects.filter(endpoint=endpoint, version=version)}
    asked = {name for sample in samples for name in sample.columns}
    for name in sorted(asked & trained.keys() - known.keys())[:MOST_COLUMNS]:
        known[name] = _pin(part, name, {1: trained[name]}, Sources.TRAINING)
    return known


def _pin(part: Part, name: str, values: Weighed, source: Sources) -> Feature:
    """Make these values the feature's reference, for ever."""
    endpoint, version = part
    kept = packed(Baseline.of_weighed(values).document)
    return Feature.objects.create(
        endpoint=endpoint, version=version, name=name, source=source, reference=kept, pinned_at=clock.now(),
        digest=hashlib.sha256(kept).hexdigest(),
    )  # fmt: skip


def _by_hour(samples: Iterable[FeatureSample], name: str) -> Mapping[int, Counted]:
    found: dict[int, Counted] = defaultdict(Counted)
    for sample in samples:
        if name in sample.columns:
            counted = found[int(sample.at.timestamp()) // HOUR_S]
            counted.of += sample.of
            _weigh(sample, name, counted.values)
    return found


def _weigh(sample: FeatureSample, name: str, found: dict[int, list[Any]]) -> None:
    """Add a sample's values by how many rows each stands for: whole numbers that sum to what they were drawn from."""
    rows, of = sample.rows, sample.chosen or sample.of
    for place, value in enumerate(sample.columns[name]):
        found[(place + 1) * of // rows - place * of // rows].append(value)


def _count(feature: Feature, hours: Mapping[int, Counted]) -> None:
    """Add values to the feature's hours."""
    if not hours:
        return
    baseline = baseline_of(feature.reference)
    known = {row.hour: row for row in feature.hours.select_for_update().filter(hour__in=hours)}
    for hour, counted in hours.items():
        row = known.get(hour) or FeatureHour(feature=feature, hour=hour, rows=0, of=0, window=pack_window(Window()))
        window = window_of(row.window) + baseline.count_weighed(counted.values)
        row.rows, row.of, row.window = window.rows, row.of + counted.of, pack_window(window)
        row.save()


def _leave(samples: Sequence[FeatureSample], features: Mapping[str, Feature]) -> None:
    """Forget what was counted; values of features without a reference wait for it."""
    for sample in samples:
        sample.columns = {name: values for name, values in sample.columns.items() if name not in features}
        sample.waits = True
    waiting = [sample for sample in samples if sample.columns]
    FeatureSample.objects.bulk_update(waiting, ["columns", "waits"], batch_size=500)
    FeatureSample.objects.filter(pk__in=[sample.pk for sample in samples if not sample.columns]).delete()


def _pin_waiting(part: Part, features: Mapping[str, Feature]) -> None:
    """Make the first rows a reference once they are enough."""
    endpoint, version = part
    waiting = FeatureSample.objects.filter(endpoint=endpoint, version=version, waits=True)
    rows, oldest = 0, clock.now()
    for count, at in waiting.values_list("rows", "at"):
        rows, oldest = rows + count, min(oldest, at)
    if rows < ENOUGH and (rows < LEAST or oldest > clock.now() - LONG):
        return
    gathered: dict[str, dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for sample in waiting.order_by("pk").iterator():
        for name in sample.columns:
            _weigh(sample, name, gathered[name])
    room = MOST_COLUMNS - len(features)
    for name in sorted(gathered.keys() - features.keys())[: max(0, room)]:
        _pin(part, name, gathered[name], Sources.TRAFFIC)
    waiting.delete()


def waiting_versions(endpoint: str) -> list[str]:
    """Return the versions of which some features have no reference yet."""
    rows = FeatureSample.objects.filter(endpoint=endpoint, waits=True)
    return sorted(rows.order_by().values_list("version", flat=True).distinct())


def waiting_rows(endpoint: str, version: str) -> dict[str, int]:
    """Return how many first rows are there, by feature that has no reference yet."""
    found: dict[str, int] = defaultdict(int)
    rows = FeatureSample.objects.filter(endpoint=endpoint, version=version, waits=True)
    for count, columns in rows.values_list("rows", "columns"):
        for name in columns:
            found[name] += count
    return dict(found)
