"""What a run logs: metrics, params, the data it read and the models it wrote."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from accounts.actors import Actor
from core.refusals import Invalid
from registry import names, runs
from registry.authorship import require_reading
from registry.models import Metric, Param, Run, RunInput, RunOutput
from registry.models.tracking import NAN
from registry.paging import Listing, Page, by, check_size, page
from registry.restricted import require_shown

METRICS_MAX, PARAMS_MAX, TAGS_MAX, TOGETHER_MAX, INPUTS_MAX = 1000, 100, 100, 1000, 1000
CONTEXT_TAG = "mlflow.data.context"
PARAM_MAX, MODEL_ID_MAX, INPUT_KEY_MAX = 6000, 64, 600
HISTORY_PAGE = 25_000
LARGEST = sys.float_info.max
SPECIAL = {"nan": (NAN, 0.0), "inf": ("Infinity", LARGEST), "-inf": ("-Infinity", -LARGEST)}


@dataclass(frozen=True)
class Measurement:
    """One metric value as a client sends it; `value` may be NaN or infinite."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str = ""
    dataset: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Values that are kept together or not at all."""

    metrics: Sequence[Measurement] = ()
    params: Sequence[tuple[str, str]] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def log_metric(run: Run, measured: Measurement, *, actor: Actor) -> None:
    """Keep one value; the same one sent again is kept once."""
    log_batch(run, Batch(metrics=[measured]), actor=actor)


def log_param(run: Run, key: str, value: str, *, actor: Actor) -> None:
    """Keep one param. The same value again is fine; raises Invalid for another value."""
    log_batch(run, Batch(params=[(key, value)]), actor=actor)


def log_batch(run: Run, batch: Batch, *, actor: Actor) -> None:
    """Keep the batch whole.

    Raises Invalid over a limit, for a malformed key and for a param that would change, NotFound for a metric of a
    logged model that is kept from the actor.
    """
    _check_limits(batch)
    rows = [_metric(run, measured) for measured in batch.metrics]
    params = _distinct(run, batch.params)
    tags = {key: runs.check_run_tag(key, value) for key, value in batch.tags.items()}
    require_shown((measured.model_id for measured in batch.metrics), actor=actor)
    with transaction.atomic():
        row = runs.writable(run, "log to this run", actor=actor, changes=bool(rows or params or tags))
        _keep_params(row, params)
        Metric.objects.bulk_create(rows, ignore_conflicts=True)
        for key, value in tags.items():
            runs.put_tag(row, key, value)


def metric_history(
    run: Run, key: str, *, actor: Actor, max_results: int | None = None, token: str = ""
) -> Page[Metric]:
    """Return the page of values of `key` in the order they were logged."""
    require_reading(actor)
    size = check_size(max_results, default=HISTORY_PAGE, limit=HISTORY_PAGE)
    rows = Metric.objects.filter(run=run, key=key)
    return page(rows, Listing(("history", run.pk, key), by("timestamp", "step", "pk"), size, token))


def log_inputs(run: Run, *, datasets: Sequence[dict[str, object]], model_ids: Sequence[str], actor: Actor) -> None:
    """Keep what the run read: data sets by name and digest, models by id."""
    if len(datasets) + len(model_ids) > INPUTS_MAX:
        raise Invalid(f"A request has at most {INPUTS_MAX} inputs.", field="datasets")
    rows = [
        RunInput(run=run, kind="dataset", key=_dataset_key(body), context=context_of(body), body=body)
        for body in datasets
    ]
    rows += [RunInput(run=run, kind="model", key=check_model_id(model_id)) for model_id in model_ids]
    require_shown(model_ids, actor=actor)
    with transaction.atomic():
        runs.writable(run, "log to this run", actor=actor, changes=bool(rows))
        RunInput.objects.bulk_create(rows, ignore_conflicts=True)


def log_outputs(run: Run, outputs: Mapping[str, int], *, actor: Actor) -> None:
    """Keep which logged models the run wrote, each with its step."""
    if len(outputs) > INPUTS_MAX:
        raise Invalid(f"A request has at most {INPUTS_MAX} outputs.", field="models")
    rows = [RunOutput(run=run, model_id=check_model_id(model_id), step=step) for model_id, step in outputs.items()]
    require_shown(outputs, actor=actor)
    with transaction.atomic():
        runs.writable(run, "log to this run", actor=actor, changes=bool(rows))
        RunOutput.objects.bulk_create(rows, ignore_conflicts=True)


def check_key(key: str, what: str) -> str:
    """Return `key`; raise Invalid where no metric or param can have it."""
    if not key or len(key) > names.KEY_MAX or not names.TAG_KEY.match(key):
        raise Invalid(
            f"Invalid {what} name: '{key[:80]}'. Names may only contain alphanumerics, underscores (_), dashes (-), "
            f"periods (.), spaces ( ), colon(:) and slashes (/), at most {names.KEY_MAX} characters.",
            field="key",
        )
    names.check_plain(key)
    return key


def check_model_id(model_id: str) -> str:
    """Return `model_id`; raise Invalid where it is none."""
    if not model_id or len(model_id) > MODEL_ID_MAX:
        raise Invalid(f"Invalid value {model_id[:80]!r} for parameter 'model_id' supplied", field="model_id")
    return model_id


def _check_limits(batch: Batch) -> None:
    counts = {
        "metrics": (len(batch.metrics), METRICS_MAX),
        "params": (len(batch.params), PARAMS_MAX),
        "tags": (len(batch.tags), TAGS_MAX),
    }
    for name, (count, limit) in counts.items():
        if count > limit:
            raise Invalid(
                f"A batch logging request can contain at most {limit} {name}. Got {count} {name}.", field=name
            )
    together = sum(count for count, _ in counts.values())
    if together > TOGETHER_MAX:
        raise Invalid(f"A batch logging request can contain at most {TOGETHER_MAX} entities together. Got {together}.")


def _metric(run: Run, said: Measurement) -> Metric:
    special, value = ("", said.value) if math.isfinite(said.value) else SPECIAL[str(said.value)]
    return Metric(
        run=run,
        key=check_key(said.key, "metric"),
        value=value,
        special=special,
        step=said.step,
        timestamp=said.timestamp,
        logged_model_id=said.model_id and check_model_id(said.model_id),
        dataset=said.dataset,
    )


def _distinct(run: Run, params: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return params by key, cut at 6000 characters as MLflow does; refuse two values for one key."""
    found: dict[str, str] = {}
    for key, value in params:
        kept = value[:PARAM_MAX]
        _refuse_change(run, check_key(key, "param"), found.get(key), kept)
        found[key] = kept
    return found


def _keep_params(run: Run, params: dict[str, str]) -> None:
    held = dict(Param.objects.filter(run=run, key__in=params).values_list("key", "value"))
    for key, value in params.items():
        _refuse_change(run, key, held.get(key), value)
    Param.objects.bulk_create(Param(run=run, key=key, value=value) for key, value in params.items() if key not in held)


def _refuse_change(run: Run, key: str, held: str | None, value: str) -> None:
    if held is not None and held != value:
        raise Invalid(
            f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{held[:80]}' "
            f"for run ID='{run.pk}'. Attempted logging new value '{value[:80]}'.",
            field="value",
        )


def context_of(body: dict[str, object]) -> str:
    """Return what a data set was for, as its tag says."""
    tags = body.get("tags")
    pairs = [one for one in tags if isinstance(one, dict)] if isinstance(tags, list) else []
    return next((str(one.get("value") or "") for one in pairs if one.get("key") == CONTEXT_TAG), "")


def _dataset_key(body: dict[str, object]) -> str:
    said = body.get("dataset")
    data = said if isinstance(said, dict) else {}
    name, digest = str(data.get("name") or ""), str(data.get("digest") or "")
    if not name or not digest or len(name) + len(digest) >= INPUT_KEY_MAX:
        raise Invalid("A data set has a name and a digest, of under 600 characters together.", field="datasets")
    return f"{name}:{digest}"
