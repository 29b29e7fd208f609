"""Closes one-minute windows: what was observed in them becomes snapshots. Closing one again changes nothing."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from core import clock
from monitoring import hours, outcomes, resources, retention
from monitoring.minutes import last_over, minute_of, start_of
from monitoring.models import OpenWindow, Prediction, Snapshot
from monitoring.predictions import OK, TOLD
from monitoring.resources import Part
from monitoring.stats.summary import quantile

MOST = 1_000  # windows a call
MEASURES = (
    *("requests", "errors", "p50_ms", "p95_ms", "p99_ms", "labelled", "correct", "valued", "worth"),
    *("cpu_s", "memory_mb", "replicas"),
)


@dataclass
class Seen:
    """What was seen of one part in one window."""

    requests: int = 0
    errors: int = 0
    labelled: int = 0
    correct: int = 0
    valued: int = 0
    worth: float = 0.0
    cpu_s: float | None = None
    memory_mb: float | None = None
    replicas: int | None = None
    latencies_ms: list[float] = field(default_factory=list)

    def take(self, row: Prediction) -> None:
        """Count one request."""
        self.requests += 1
        self.errors += row.status != OK or not row.answered
        self.labelled += row.correct is not None
        self.correct += row.correct is True
        self.valued += row.worth is not None
        self.worth += row.worth or 0.0
        if row.latency_ms is not None:
            self.latencies_ms.append(row.latency_ms)

    @property
    def measures(self) -> dict[str, Any]:
        """The snapshot's columns; quantiles are exact."""
        ordered = sorted(self.latencies_ms)
        quantiles = {f"p{percent}_ms": quantile(ordered, percent / 100) for percent in (50, 95, 99)}
        return {name: quantiles[name] if name in quantiles else getattr(self, name) for name in MEASURES}


def close_due() -> int:
    """Close the open windows that are over, their hours and outcomes; return how many windows.

    One whose predictions may be gone is left as it was.
    """
    OpenWindow.objects.filter(minute__lte=minute_of(retention.kept_since())).delete()
    due = OpenWindow.objects.filter(minute__lte=last_over()).order_by("minute", "endpoint")[:MOST]
    closed = sum(_close(window.endpoint, window.minute) for window in due)
    hours.close_open()
    outcomes.close_open()
    return closed


def _close(endpoint: str, minute: int) -> bool:
    with transaction.atomic("telemetry"):
        if not OpenWindow.objects.filter(endpoint=endpoint, minute=minute).delete()[0]:
            return False  # somebody else did
        found = _seen(endpoint, minute)
        for part, used in resources.used(endpoint, minute).items():
            found[part].cpu_s, found[part].memory_mb, found[part].replicas = used
        _write(endpoint, minute, found)
        hours.reopen(endpoint, minute)
    return True


def _seen(endpoint: str, minute: int) -> dict[Part, Seen]:
    rows = Prediction.objects.filter(
        endpoint=endpoint, at__gte=start_of(minute), at__lt=start_of(minute + 1), routed=True, why_not__in=TOLD
    ).only("rollout", "version", "track", "status", "answered", "latency_ms", "correct", "worth")
    found: dict[Part, Seen] = defaultdict(Seen)
    versions: dict[tuple[str, str], str] = {}
    for row in sorted(rows, key=lambda row: not row.version):  # named ones first
        key = (row.rollout, row.track)
        if key not in versions:
            versions[key] = row.version or _last_version(endpoint, *key)
        found[Part(row.rollout, row.version or versions[key], row.track)].take(row)
    return found


def _last_version(endpoint: str, rollout: str, track: str) -> str:
    """Return what the track served before: a model that answers nothing does not say its version either."""
    rows = Snapshot.objects.filter(endpoint=endpoint, rollout=rollout, track=track).exclude(version="")
    return rows.order_by("-minute").values_list("version", flat=True).first() or ""


def _write(endpoint: str, minute: int, found: dict[Part, Seen]) -> None:
    """Make the window's rows say what was found; one that says so already keeps its revision."""
    rows = {
        Part(row.rollout, row.version, row.track): row
        for row in Snapshot.objects.filter(endpoint=endpoint, minute=minute)
    }
    for part in rows.keys() - found.keys():
        rows[part].delete()
    for part, seen in found.items():
        row = rows.get(part)
        if row is None:
            Snapshot.objects.create(endpoint=endpoint, minute=minute, **part._asdict(), **seen.measures)
        elif seen.measures != {name: getattr(row, name) for name in MEASURES}:
            told = {**seen.measures, "revision": row.revision + 1, "closed_at": clock.now()}
            Snapshot.objects.filter(pk=row.pk).update(**told)
