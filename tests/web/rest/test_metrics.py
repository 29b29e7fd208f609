"""What Prometheus reads is its own form, of what the token's person may see, and each dashboard line has its gauge."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from accounts.actors import Actor
from deployments import endpoints
from monitoring.minutes import last_over
from monitoring.models import Snapshot
from registry.models import RegisteredModel
from tests.factories import make_model
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parents[3] / "docs" / "monitoring"


def read(actor: Actor) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    answer = browser(actor).get("/api/v1/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in parsed(answer.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


@pytest.fixture
def told(dana: Actor, eli: Actor) -> RegisteredModel:
    """An endpoint with a minute in which half of ten requests failed."""
    model = make_model(dana)
    endpoints.create_endpoint("fraud", model=model, environment="staging", actor=eli)
    numbers = {"requests": 10, "errors": 5, "p50_ms": 4.0, "p95_ms": 9.0, "p99_ms": 20.0, "labelled": 4, "correct": 3}
    Snapshot.objects.create(endpoint="fraud", minute=last_over(), track="stable", version="2", memory_mb=2.0, **numbers)
    Snapshot.objects.create(endpoint="fraud", minute=last_over() - 1, track="stable", version="2", requests=99)
    return model


def test_an_endpoints_last_minute_stands_in_base_units(told: RegisteredModel, rita: Actor) -> None:
    said = read(rita)
    where = (("endpoint", "fraud"), ("track", "stable"), ("version", "2"))
    assert said["signoff_endpoint_requests_per_minute"] == {where: 10.0}
    assert said["signoff_endpoint_error_ratio"][where] == pytest.approx(0.5)
    assert said["signoff_endpoint_accuracy_ratio"][where] == pytest.approx(0.75)
    assert said["signoff_endpoint_memory_bytes"][where] == 2 * 2**20
    quantiles = {dict(labels)["quantile"]: value for labels, value in said["signoff_endpoint_latency_seconds"].items()}
    assert quantiles == pytest.approx({"0.50": 0.004, "0.95": 0.009, "0.99": 0.02})
    assert "signoff_endpoint_cpu_cores" not in said, "what was not measured is left out"


def test_who_may_not_see_the_model_is_told_nothing_of_its_endpoint(
    told: RegisteredModel, rita: Actor, otto: Actor
) -> None:
    told.restricted = True
    told.save(update_fields=["restricted"])
    assert "signoff_endpoint_requests_per_minute" not in read(rita)
    assert browser(otto).get("/api/v1/metrics").status_code == 403


def test_the_ledger_and_the_work_are_told(told: RegisteredModel, rita: Actor) -> None:
    said = read(rita)
    assert said["signoff_ledger_mismatches"] == {(): 0.0}
    assert said["signoff_approval_requests_open"] == {(): 0.0}
    assert said["signoff_build_info"]


def test_every_gauge_of_dashboard_and_alerts_is_one_that_is_told() -> None:
    source = (Path(__file__).resolve().parents[3] / "web" / "rest" / "metrics.py").read_text(encoding="utf-8")
    names = set(re.findall(r'gauge\("(\w+)"', source)) | {
        f"endpoint_{name}" for name in re.findall(r'Part\(f?"[\w{}]+", "(\w+)"', source)
    }
    dashboard = (DOCS / "grafana.json").read_text(encoding="utf-8")
    alerts = (DOCS / "alerts.yml").read_text(encoding="utf-8")
    assert json.loads(dashboard)["panels"]
    used = set(re.findall(r"signoff_(\w+)", dashboard + alerts))
    assert used
    assert used <= names
