"""Makes what a test needs through the product's own functions: runs with files, registered versions, open requests."""

import uuid
from typing import Any

from accounts.actors import Actor
from core import clock
from monitoring import drift
from monitoring.models import Feature
from monitoring.packing import baseline_of, pack_window, packed
from monitoring.stats.profiles import Baseline
from registry import artifacts, registered, transitions, versions
from registry.models import ApprovalRequest, Metric, ModelVersion, Param, RegisteredModel, Run
from registry.requests import ApprovalRequired
from registry.stages import Stage

MLMODEL = """flavors:
  python_function:
    python_version: 3.11.7
  sklearn:
    serialization_format: skops
signature:
  inputs: '[{"name": "amount", "type": "double", "required": true}]'
  outputs: '[{"name": "fraud", "type": "long", "required": true}]'
"""


def make_run(actor: Actor, *, metrics: dict[str, float] | None = None, mlmodel: str = MLMODEL) -> Run:
    """Return a run of `actor` with metrics and a model folder `model`."""
    run = Run.objects.create(run_id=uuid.uuid4().hex, experiment_id=0, name="run", author=actor.person, start_time=1)
    for key, value in (metrics or {}).items():
        Metric.objects.create(run=run, key=key, value=value, timestamp=1)
    Param.objects.create(run=run, key="depth", value="3")
    for path, body in (
        ("MLmodel", mlmodel),
        ("model.skops", f"weights of {run.run_id}"),
        ("requirements.txt", "scikit-learn"),
    ):
        put(run, f"model/{path}", body.encode(), actor)
    return run


def put(run: Run, path: str, body: bytes, actor: Actor) -> None:
    """Store a file below the run."""
    artifacts.put_file(artifacts.parse_place(f"{artifacts.run_root(run)}/{path}"), [body], actor=actor)


def make_version(model: RegisteredModel, actor: Actor, **run: object) -> ModelVersion:
    """Return a new registered version with its own run."""
    made = make_run(actor, **run)  # type: ignore[arg-type]
    asked = versions.Registration(
        source=f"runs:/{made.run_id}/model", run_id=made.run_id, description="trained on transactions"
    )
    return versions.register_version(model, asked, actor=actor)


def locked(version: ModelVersion) -> ModelVersion:
    """Return the version with its environment locked, as a little after registration."""
    version.environment = {**version.environment, "lock": "e" * 64}
    version.save(update_fields=["environment"])
    return version


def make_model(actor: Actor, name: str = "Fraud-Detection") -> RegisteredModel:
    """Return a new registered model of `actor`."""
    return registered.create_model(name, actor=actor)


def ask_production(version: ModelVersion, actor: Actor) -> ApprovalRequest:
    """Return the request that asking for Production opens."""
    waiting = transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=actor)
    assert isinstance(waiting, ApprovalRequired)
    return waiting.request


def count_feature(endpoint: str, version: str, name: str, reference: list[Any], *days: list[Any]) -> Feature:
    """Pin a feature's reference and count values of some days, the last one today."""
    kept = packed(Baseline.of(reference).document)
    feature = Feature.objects.create(
        endpoint=endpoint, version=version, name=name, source=Feature.Source.TRAINING, digest="5e" * 32, reference=kept
    )
    today = drift.day_of(clock.now())
    for back, values in enumerate(reversed(days)):
        window, hour = pack_window(baseline_of(kept).count(values)), (today - back) * drift.HOURS
        feature.hours.create(hour=hour, rows=len(values), of=len(values), window=window)
    return feature
