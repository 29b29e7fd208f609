"""What can be drawn of an endpoint: each metric's value in one snapshot, and of several snapshots together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, FloatField, Max, Q, Sum, When
from django.db.models.expressions import Combinable, ExpressionWrapper
from django.db.models.functions import NullIf

from monitoring.minutes import WINDOW_S


@dataclass(frozen=True)
class Metric:
    """Its unit, its value in one snapshot, and in several: their `total` by what it is `of`, or else the highest."""

    unit: str
    each: Combinable
    total: Combinable | None = None
    of: Combinable | None = None

    @property
    def together(self) -> Combinable:
        """Its value in several snapshots."""
        return ratio(self.total, self.of) if self.total else Max(self.each)


def ratio(part: Any, of: Any) -> Combinable:
    """Return part / of; nothing of nothing."""
    return ExpressionWrapper(part * 1.0 / NullIf(of, 0), output_field=FloatField())


def _percent(part: Any, of: Any) -> Metric:
    return Metric("%", ratio(part * 100.0, of), Sum(part * 100.0), Sum(of))


def _quantile(name: str) -> Metric:
    """Return the metric of a quantile; of several windows, their mean by requests."""
    asked = Case(When(**{f"{name}__isnull": False}, then=F("requests")))
    return Metric("ms", F(name), Sum(F(name) * F("requests")), Sum(asked))


def _minutes(**measured: Any) -> Count:
    """Return in how many minutes there was anything; one minute may have several rollouts."""
    return Count("minute", distinct=True, filter=Q(**measured) if measured else None)


CORES = F("cpu_s") / float(WINDOW_S)
METRICS: Mapping[str, Metric] = {
    "requests": Metric("a minute", F("requests"), Sum("requests"), _minutes()),
    "errors": _percent(F("errors"), F("requests")),
    "p50_ms": _quantile("p50_ms"),
    "p95_ms": _quantile("p95_ms"),
    "p99_ms": _quantile("p99_ms"),
    "accuracy": _percent(F("correct"), F("labelled")),
    "coverage": _percent(F("labelled"), F("requests") - F("errors")),
    "value": Metric("a request", ratio(F("worth"), F("valued")), Sum("worth"), Sum("valued")),
    "cpu": Metric("cores", CORES, Sum(CORES), _minutes(cpu_s__isnull=False)),
    "memory": Metric("MiB", F("memory_mb")),
    "replicas": Metric("model servers", F("replicas") * 1.0),
}
