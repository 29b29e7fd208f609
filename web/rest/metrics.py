"""What Prometheus reads: how Signoff itself does, and each endpoint's last minute."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.db.models import Count, Max
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from rest_framework.decorators import api_view
from rest_framework.request import Request

from accounts.actors import Actor
from audit.models import Checkpoint, Event
from audit.replay.mismatches import open_count
from core import clock, home
from core.version import VERSION
from deployments import endpoints
from deployments.models import Alert, Rollout
from deployments.states import ENDED
from monitoring import late, letters
from monitoring.metrics import METRICS
from monitoring.minutes import last_over
from monitoring.models import Snapshot
from registry.models import ApprovalRequest
from registry.models.approvals import RequestState
from registry.webhooks.models import Delivery, DeliveryState
from web.rest.authentication import actor_of

FRESH_MINUTES = 3
MB, PERCENT, MS = 2.0**20, 0.01, 0.001
Samples = Iterable[tuple[Mapping[str, str], float]]


class Part(NamedTuple):
    """A metric of a minute, its name for Prometheus, what one of its unit is there, and labels of its own."""

    metric: str
    name: str
    said: str
    one: float = 1.0
    labels: Mapping[str, str] = {}


OF_A_MINUTE = (
    Part("requests", "requests_per_minute", "Requests in the last minute that is told of."),
    Part("errors", "error_ratio", "Failed requests among all.", PERCENT),
    *(
        Part(f"p{percent}_ms", "latency_seconds", "Time to answer.", MS, {"quantile": f"0.{percent}"})
        for percent in (50, 95, 99)
    ),
    Part("accuracy", "accuracy_ratio", "Correct predictions among those with a label.", PERCENT),
    Part("coverage", "label_coverage_ratio", "Predictions with a label among all.", PERCENT),
    Part("value", "value_mean", "What a request was worth."),
    Part("cpu", "cpu_cores", "Cores that model servers used."),
    Part("memory", "memory_bytes", "Memory that model servers held.", MB),
    Part("replicas", "model_servers", "Model servers that ran."),
)


def gauge(name: str, said: str, samples: Samples) -> GaugeMetricFamily:
    """Return a gauge with a value for each set of labels."""
    listed = [(dict(labels), value) for labels, value in samples]
    names = sorted({label for labels, _ in listed for label in labels})
    made = GaugeMetricFamily(f"signoff_{name}", said, labels=names)
    for labels, value in listed:
        made.add_metric([labels.get(label, "") for label in names], value)
    return made


class Signoff(Collector):
    """Everything that one person may see. Read anew at each scrape, in a number of statements that does not grow."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge; what was not measured is left out."""
        yield gauge("build_info", "The version that runs.", [({"version": VERSION}, 1.0)])
        yield from self._ledger()
        yield from self._work()
        yield from self._endpoints()

    def _ledger(self) -> Iterator[GaugeMetricFamily]:
        newest = Checkpoint.objects.order_by("-size").first()
        waiting = Event.objects.filter(seal=None).count()
        yield gauge("ledger_events_unsealed", "Events that no seal covers yet.", [({}, waiting)])
        if newest:
            age_s = (clock.now() - newest.at).total_seconds()
            yield gauge("ledger_checkpoint_events", "Events under the newest checkpoint.", [({}, newest.size)])
            yield gauge("ledger_checkpoint_age_seconds", "Age of the newest checkpoint.", [({}, age_s)])
        yield gauge("ledger_mismatches", "Rows that differ from the ledger: the gate is shut.", [({}, open_count())])

    def _work(self) -> Iterator[GaugeMetricFamily]:
        waiting = ApprovalRequest.objects.filter(state=RequestState.OPEN)
        overdue = waiting.filter(due_at__lt=clock.now()).count()
        yield gauge("approval_requests_open", "Requests that wait for a decision.", [({}, waiting.count())])
        yield gauge("approval_requests_overdue", "Of them, past the time they are due.", [({}, overdue)])
        live = Rollout.objects.exclude(state__in=ENDED).values_list("state").annotate(Count("pk"))
        yield gauge("rollouts", "Rollouts that have not ended, by state.", [({"state": s}, n) for s, n in live])
        sent = Delivery.objects.exclude(state=DeliveryState.DELIVERED).values_list("state").annotate(Count("pk"))
        yield gauge("webhook_deliveries", "Deliveries not made, by state.", [({"state": s}, n) for s, n in sent])
        if moment := late.complete_up_to():
            age_s = (clock.now() - moment).total_seconds()
            yield gauge("evidence_age_seconds", "How old the newest moment of complete evidence is.", [({}, age_s)])
        yield gauge("evidence_dead_letters", "Entries of the last hour that are no evidence.", [({}, letters.recent())])
        ended = home.ended()
        up = [({"process": name}, float(name not in ended)) for name in sorted(home.supervised())]
        yield gauge("process_up", "Whether a process of the stack runs.", up)

    def _endpoints(self) -> Iterator[GaugeMetricFamily]:
        seen = list(endpoints.endpoints_visible_to(self.actor).values_list("name", "replicas"))
        wanted = [({"endpoint": name}, count) for name, count in seen]
        yield gauge("endpoint_model_servers_wanted", "Model servers that each version should have.", wanted)
        alerts = Alert.objects.filter(ended_at=None, endpoint__name__in=[name for name, _ in seen])
        told = alerts.values_list("endpoint__name", "rule", "then")
        firing = [({"endpoint": name, "alert": rule, "then": then}, 1.0) for name, rule, then in told]
        yield gauge("endpoint_alert_firing", "Alerts that are not over.", firing)
        rows = _last_minutes([name for name, _ in seen])
        for name in dict.fromkeys(part.name for part in OF_A_MINUTE):
            parts = [part for part in OF_A_MINUTE if part.name == name]
            samples = [sample for part in parts for sample in _told(rows, part)]
            yield gauge(f"endpoint_{name}", parts[0].said, samples)


def _last_minutes(names: list[str]) -> list[dict[str, Any]]:
    """Return what each track and version of these endpoints did in the last minute that a snapshot tells of."""
    fresh = Snapshot.objects.filter(endpoint__in=names, minute__gt=last_over() - FRESH_MINUTES).order_by()
    newest = dict(fresh.values_list("endpoint").annotate(Max("minute")))
    wholes = {f"{name}_whole": metric.together for name, metric in METRICS.items()}
    rows: Iterable[Any] = fresh.values("endpoint", "minute", "track", "version").annotate(**wholes)
    return [row for row in rows if row["minute"] == newest[row["endpoint"]]]


def _told(rows: list[dict[str, Any]], part: Part) -> Samples:
    for row in rows:
        if (value := row[f"{part.metric}_whole"]) is not None:
            whose = {"endpoint": row["endpoint"], "track": row["track"], "version": row["version"]}
            yield {**whose, **part.labels}, value * part.one


@extend_schema(operation_id="read_metrics", responses={(200, "text/plain"): OpenApiTypes.STR})
@api_view(["GET"])
def metrics(request: Request) -> HttpResponse:
    """Read gauges for Prometheus: ledger, requests, rollouts, evidence, and the last minute of endpoints you see."""
    registry = CollectorRegistry()
    registry.register(Signoff(actor_of(request)))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
