"""runs/* and metrics/*: what training scripts write."""

import json

from core.refusals import Invalid, TooLarge
from registry import measurements, run_search, runs
from registry.experiments import find_experiment
from registry.measurements import Batch, Measurement
from registry.models import Run
from web.mlflow import listing, render
from web.mlflow.fields import Fields, invalid, missing
from web.mlflow.wire import Call, Json

BATCH_BYTES = 1_000_000
HISTORY_TAG = "mlflow.log-model.history"


def _asked(call: Call) -> Run:
    run_id = call.fields.text("run_id") or call.fields.text("run_uuid")
    if not run_id:
        raise missing("run_id")
    return runs.find_run(run_id, actor=call.actor)


def create(call: Call) -> Json:
    """Start a run. The caller is its author, whatever user_id says."""
    fields = call.fields
    experiment = find_experiment(fields.text("experiment_id") or "0", actor=call.actor)
    run = runs.create_run(
        experiment,
        actor=call.actor,
        name=fields.text("run_name"),
        start_time=fields.whole("start_time"),
        tags=fields.tags(),
    )
    return {"run": render.run_list([run])[0]}


def get(call: Call) -> Json:
    """Return a run."""
    return {"run": render.run_list([_asked(call)])[0]}


def update(call: Call) -> Json:
    """Set status, end and name."""
    fields = call.fields
    run = runs.update_run(
        _asked(call),
        actor=call.actor,
        status=fields.text("status"),
        end_time=fields.whole("end_time"),
        name=fields.text("run_name"),
    )
    return {"run_info": render.run_info(run)}


def delete(call: Call) -> Json:
    """Delete a run."""
    runs.delete_run(_asked(call), actor=call.actor)
    return {}


def restore(call: Call) -> Json:
    """Restore a run."""
    runs.restore_run(_asked(call), actor=call.actor)
    return {}


def find(call: Call) -> Json:
    """Search runs."""
    view = call.fields.text("run_view_type") or "ACTIVE_ONLY"
    found = run_search.search_runs(
        call.fields.texts("experiment_ids"), listing.asked(call.fields), view=view, actor=call.actor
    )
    return listing.paged("runs", render.run_list(found.rows), found)


def log_metric(call: Call) -> Json:
    """Log one value."""
    measured = _measurement(call.fields)
    measurements.log_metric(_asked(call), measured, actor=call.actor)
    return {}


def log_param(call: Call) -> Json:
    """Log one param."""
    key = call.fields.need("key")
    measurements.log_param(_asked(call), key, call.fields.text("value"), actor=call.actor)
    return {}


def log_batch(call: Call) -> Json:
    """Log metrics, params and tags together."""
    if len(call.request.body) > BATCH_BYTES:
        raise TooLarge(
            f"Batched logging API requests must be at most {BATCH_BYTES} bytes, got {len(call.request.body)}."
        )
    fields = call.fields
    batch = Batch([_measurement(part) for part in fields.parts("metrics")], fields.pairs("params"), fields.tags())
    measurements.log_batch(_asked(call), batch, actor=call.actor)
    return {}


def _measurement(fields: Fields) -> Measurement:
    dataset = {"name": fields.text("dataset_name"), "digest": fields.text("dataset_digest")}
    key, timestamp = fields.need("key"), fields.needed("timestamp")
    if timestamp < 0:
        raise Invalid(
            f"Invalid value {timestamp} for parameter 'timestamp' supplied: metric '{key[:80]}'. "
            "Timestamp must be a nonnegative long (64-bit integer).",
            field="timestamp",
        )
    return Measurement(
        key=key,
        value=fields.number("value"),
        timestamp=timestamp,
        step=fields.whole("step") or 0,
        model_id=fields.text("model_id"),
        dataset={name: text for name, text in dataset.items() if text},
    )


def metric_history(call: Call) -> Json:
    """Return every value of a metric."""
    fields = call.fields
    key = fields.need("metric_key")
    found = measurements.metric_history(
        _asked(call), key, max_results=fields.whole("max_results"), token=fields.text("page_token"), actor=call.actor
    )
    return listing.paged("metrics", [render.metric(row) for row in found.rows], found)


def set_tag(call: Call) -> Json:
    """Set a tag."""
    key = call.fields.need("key")
    runs.set_run_tag(_asked(call), key, call.fields.text("value"), actor=call.actor)
    return {}


def delete_tag(call: Call) -> Json:
    """Remove a tag."""
    key = call.fields.need("key")
    runs.delete_run_tag(_asked(call), key, actor=call.actor)
    return {}


def log_inputs(call: Call) -> Json:
    """Log the data sets and models a run read."""
    bodies = [_dataset(part) for part in call.fields.parts("datasets")]
    models = [part.need("model_id") for part in call.fields.parts("models")]
    measurements.log_inputs(_asked(call), datasets=bodies, model_ids=models, actor=call.actor)
    return {}


def _dataset(part: Fields) -> Json:
    said = part.said.get("dataset")
    if not isinstance(said, dict):
        raise missing("dataset") if said is None else invalid("dataset", said)
    fields = Fields(said)
    kept = {
        name: fields.text(name)
        for name in ("name", "digest", "source_type", "source", "schema", "profile")
        if fields.text(name)
    }
    return render.shape(tags=render.pairs(part.pairs("tags")), dataset=kept)


def log_outputs(call: Call) -> Json:
    """Log the models a run wrote."""
    if call.fields.said.get("models") is None:
        raise missing("models")
    models = {part.need("model_id"): part.whole("step") or 0 for part in call.fields.parts("models")}
    measurements.log_outputs(_asked(call), models, actor=call.actor)
    return {}


def log_model(call: Call) -> Json:
    """Note a model that a client before MLflow 3 wrote below the run: one more line of the history tag."""
    try:
        line = json.loads(call.fields.need("model_json"))
    except (ValueError, RecursionError) as why:
        raise Invalid("Malformed model info: model_json is not valid JSON.", field="model_json") from why
    run = _asked(call)
    held = run.tags.filter(key=HISTORY_TAG).values_list("value", flat=True).first()
    runs.set_run_tag(run, HISTORY_TAG, json.dumps([*_lines(held), line]), actor=call.actor)
    return {}


def _lines(held: str | None) -> list[object]:
    """Return the history so far; one that was cut or is no list starts anew."""
    try:
        said = json.loads(held or "[]")
    except ValueError:
        return []
    return said if isinstance(said, list) else []
