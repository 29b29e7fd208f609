"""Closes hours: what the minutes of one say together becomes a row for each line and metric. Again changes nothing."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Max, Min, QuerySet

from core import clock
from monitoring import outcomes
from monitoring.metrics import METRICS
from monitoring.models import Hour, OpenHour, Snapshot

MINUTES = 60
MOST = 1_000  # hours a call
STABLE = "stable"
WORDS = ("low", "high", "total", "of")


def reopen(endpoint: str, minute: int) -> None:
    """Open the hour of a minute that changed, and its outcomes. Call inside the transaction that changes it."""
    row = OpenHour(endpoint=endpoint, hour=minute // MINUTES, touched_at=clock.now())
    OpenHour.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["endpoint", "hour"], update_fields=["touched_at"]
    )
    outcomes.reopen(endpoint, [minute // MINUTES])


def close_open() -> int:
    """Make every open hour's rows say what its minutes do; return how many hours there were."""
    return sum(_close(row.endpoint, row.hour) for row in OpenHour.objects.order_by("-hour", "endpoint")[:MOST])


def _close(endpoint: str, hour: int) -> bool:
    with transaction.atomic("telemetry"):
        if not OpenHour.objects.filter(endpoint=endpoint, hour=hour).delete()[0]:
            return False  # somebody else did
        Hour.objects.filter(endpoint=endpoint, hour=hour).delete()
        Hour.objects.bulk_create(_told(endpoint, hour))
    return True


def _told(endpoint: str, hour: int) -> Iterable[Hour]:
    minutes = Snapshot.objects.filter(
        endpoint=endpoint, minute__gte=hour * MINUTES, minute__lt=(hour + 1) * MINUTES
    ).order_by()
    stable, others = minutes.filter(track=STABLE), minutes.exclude(track=STABLE)
    for row in [*_measured(stable.values("track")), *_measured(others.values("track", "version"))]:
        for name in METRICS:
            if row[f"{name}_low"] is not None:
                line = {"endpoint": endpoint, "hour": hour, "track": row["track"], "version": row.get("version", "")}
                yield Hour(**line, metric=name, **{word: row.get(f"{name}_{word}") for word in WORDS})


def _measured(rows: QuerySet[Snapshot, Any]) -> QuerySet[Snapshot, Any]:
    wanted: dict[str, Any] = {}
    for name, metric in METRICS.items():
        wanted |= {f"{name}_low": Min(metric.each), f"{name}_high": Max(metric.each)}
        if metric.total:
            wanted |= {f"{name}_total": metric.total, f"{name}_of": metric.of}
    return rows.annotate(**wanted)
