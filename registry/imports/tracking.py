"""Copies experiments, runs and logged models, with the ids they had."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from core.refusals import Conflict, Invalid
from registry import experiments, logged_models, measurements, runs
from registry.artifacts import logged_model_root, run_root
from registry.evidence import latest_metrics
from registry.imports import files
from registry.imports.files import API, Folder
from registry.imports.job import Job, pairs, together
from registry.imports.report import Facts
from registry.imports.source import PAGE, Json
from registry.measurements import Batch, Measurement
from registry.models import Experiment, Imported, LoggedModel, Run
from registry.models.tracking import Lifecycle
from registry.origins import moment

T = TypeVar("T")
RUN_ID = re.compile(r"[0-9a-f]{32}\Z")
MODEL_ID = re.compile(r"m-[0-9a-f]{32}\Z")
HISTORY = 10_000
BATCH, SMALL_BATCH = 1000, 100
LIKE_PYTHON = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


# ── Experiments ──────────────────────────────────────────────────────────────────────────────────────────────────


def listed_experiments(job: Job) -> list[Json]:
    """Return the active experiments there: those that can keep their number first, so that no other one gets it."""
    body = {"max_results": PAGE, "view_type": "ACTIVE_ONLY"}
    found = list(job.source.pages("experiments", f"{API}/experiments/search", body=body))
    numbers = {str(one["experiment_id"]): _free_number(str(one["experiment_id"])) for one in found}
    return sorted(found, key=lambda one: (numbers[there := str(one["experiment_id"])] is None, numbers[there] or 0))


def _free_number(there: str) -> int | None:
    """Return the number an experiment had there, or None where it is another's here, or no number of ours."""
    plain = there.isascii() and there.isdigit() and len(there) <= experiments.NUMBER_DIGITS
    return None if not plain or Experiment.objects.filter(pk=int(there)).exists() else int(there)


def copy_experiment(job: Job, said: Json) -> None:
    """Copy an experiment under its number where that is free; one of that name that is here takes the runs of both."""
    there = str(said["experiment_id"])
    facts: Facts = {"number": there, "name": str(said["name"]), "tags": pairs(said.get("tags"))}
    if row := job.known("experiment", there):
        made = Experiment.objects.filter(pk=row.here, lifecycle_stage=Lifecycle.ACTIVE).first()
        return job.compare(row, facts, _experiment_here(made) if made else None)
    tags = job.fitting(f"experiment {there}", facts["tags"], experiments.check_tag)
    with together():
        held = Experiment.objects.filter(name=facts["name"]).first()
        made = held or experiments.create_experiment(
            facts["name"], actor=job.actor, tags=tags, number=_free_number(there)
        )
        if not held and (created := said.get("creation_time")):
            Experiment.objects.filter(pk=made.pk).update(created_at=moment(int(created)))
        row = job.copied("experiment", there, str(made.pk))
    made.refresh_from_db()
    return job.finish(row, facts, _experiment_here(made))


def _experiment_here(made: Experiment) -> Facts:
    return {"number": str(made.pk), "name": made.name, "tags": made.tags}


# ── Runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def listed_runs(job: Job, experiment_id: str) -> Iterator[Json]:
    """Yield the active runs of an experiment there, oldest first so that a later one changes no page."""
    body = {
        "experiment_ids": [experiment_id],
        "max_results": PAGE,
        "run_view_type": "ACTIVE_ONLY",
        "order_by": ["attributes.start_time ASC"],
    }
    return job.source.pages("runs", f"{API}/runs/search", body=body)


def copy_run(job: Job, said: Json) -> None:
    """Copy a run: what it is, what it logged, its whole metric history and its files."""
    info = said["info"]
    there, facts = str(info["run_id"]), run_facts(said)
    row = job.known("run", there)
    folder = Folder(job.source, str(info.get("artifact_uri") or ""), run_id=there)
    if row and row.done:
        run = Run.objects.filter(pk=row.here, lifecycle_stage=Lifecycle.ACTIVE).first()
        job.compare(row, facts, _run_here(run) if run else None)
        if run:
            files.compare(job, folder, run_root(run), there)
        return
    row = row or _begin_run(job, there, info, facts["name"][: runs.NAME_MAX])
    run = Run.objects.select_related("author", "experiment").get(pk=row.here)
    _log(job, run, said)
    if folder.uri:
        files.copy(job, folder, run_root(run))
    status, ended = str(info.get("status") or ""), info.get("end_time")
    run = runs.update_run(run, status=status, end_time=int(ended) if ended else None, actor=job.actor)
    job.finish(row, facts, _run_here(run))


def run_facts(said: Json) -> Facts:
    """Return what is compared of a run."""
    info, data = said["info"], said.get("data") or {}
    return {
        "name": str(info.get("run_name") or ""),
        "status": str(info.get("status") or ""),
        "params": {key: value[: measurements.PARAM_MAX] for key, value in pairs(data.get("params")).items()},
        "tags": {key: value[: runs.TAG_MAX] for key, value in pairs(data.get("tags")).items()},
        "metrics": {str(one["key"]): _word(one.get("value", 0)) for one in data.get("metrics") or ()},
    }


def _run_here(run: Run) -> Facts:
    newest = latest_metrics(run.metrics.newest())
    return {
        "name": run.name,
        "status": run.status,
        "params": dict(run.params.values_list("key", "value")),
        "tags": dict(run.tags.values_list("key", "value")),
        "metrics": {key: one.special or _word(one.value) for key, one in newest.items()},
    }


def _word(value: object) -> str:
    """Return a metric's value as one word, whether it came as a number or as `NaN`."""
    text = str(value)
    return text if text in LIKE_PYTHON else repr(float(text))


def _begin_run(job: Job, there: str, info: Json, name: str) -> Imported:
    if not RUN_ID.match(there):
        raise Invalid(f"The run id {there[:80]!r} is none of MLflow's.")
    if Run.objects.filter(pk=there).exists():
        raise Conflict("A run with this id is here already, and was not imported from there.")
    experiment = Experiment.objects.get(pk=_experiment(job, info))
    with together():
        started = int(info.get("start_time") or 0)
        run = runs.create_run(experiment, actor=job.actor, name=name, start_time=started, run_id=there)
        Run.objects.filter(pk=run.pk).update(author=job.person_of(str(info.get("user_id") or "")))
        return job.copied("run", there, run.pk)


def _experiment(job: Job, info: Json) -> str:
    here = job.here("experiment", str(info["experiment_id"]))
    if not here:
        raise Conflict(f"Its experiment {info['experiment_id']} was not imported.")
    return here


def _log(job: Job, run: Run, said: Json) -> None:
    """Keep what the run logged. Sending it again, after a cut, keeps it once."""
    data = said.get("data") or {}
    for some in _batches(iter(pairs(data.get("params")).items()), SMALL_BATCH):
        measurements.log_batch(run, Batch(params=some), actor=job.actor)
    tags = job.fitting(f"run {run.pk}", pairs(data.get("tags")), runs.check_run_tag)
    for tagged in _batches(iter(tags.items()), SMALL_BATCH):
        measurements.log_batch(run, Batch(tags=dict(tagged)), actor=job.actor)
    for one in data.get("metrics") or ():
        for measured in _batches(_history(job, run.pk, str(one["key"])), BATCH):
            measurements.log_batch(run, Batch(metrics=measured), actor=job.actor)
    read, wrote = said.get("inputs") or {}, said.get("outputs") or {}
    models = [str(one["model_id"]) for one in read.get("model_inputs") or ()]
    measurements.log_inputs(run, datasets=read.get("dataset_inputs") or [], model_ids=models, actor=job.actor)
    outputs = {str(one["model_id"]): int(one.get("step") or 0) for one in wrote.get("model_outputs") or ()}
    measurements.log_outputs(run, outputs, actor=job.actor)


def _history(job: Job, run_id: str, key: str) -> Iterator[Measurement]:
    path = f"{API}/metrics/get-history"
    for one in job.source.pages("metrics", path, run_id=run_id, metric_key=key, max_results=HISTORY):
        word = str(one.get("value", 0))
        dataset = {name: str(one[f"dataset_{name}"]) for name in ("name", "digest") if one.get(f"dataset_{name}")}
        yield Measurement(
            key=key,
            value=float(LIKE_PYTHON.get(word, word)),
            timestamp=int(one.get("timestamp") or 0),
            step=int(one.get("step") or 0),
            model_id=str(one.get("model_id") or ""),
            dataset=dataset,
        )


def _batches(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(rows, size)):
        yield some


# ── Logged models ────────────────────────────────────────────────────────────────────────────────────────────────


def listed_logged_models(job: Job, experiment_id: str) -> Iterator[Json]:
    """Yield the logged models of an experiment there; none where the server is too old to have any."""
    body = {"experiment_ids": [experiment_id], "max_results": 50}
    return job.source.pages("models", f"{API}/logged-models/search", body=body)


def copy_logged_model(job: Job, said: Json) -> None:
    """Copy a logged model and its files."""
    info = said["info"]
    there, facts = str(info["model_id"]), logged_facts(said)
    row = job.known("logged model", there)
    folder = Folder(job.source, str(info.get("artifact_uri") or ""), model_id=there)
    if row and row.done:
        made = LoggedModel.objects.filter(pk=row.here, lifecycle_stage=Lifecycle.ACTIVE).first()
        job.compare(row, facts, _logged_here(made) if made else None)
        if made:
            files.compare(job, folder, logged_model_root(made), there)
        return
    row = row or _begin_logged_model(job, there, info, facts)
    model = LoggedModel.objects.select_related("author", "source_run").get(pk=row.here)
    files.copy(job, folder, logged_model_root(model))
    if facts["status"]:
        model = logged_models.finalize_logged_model(model, facts["status"], actor=job.actor)
    _keep_moments(model, info)
    job.finish(row, facts, _logged_here(model))


def logged_facts(said: Json) -> Facts:
    """Return what is compared of a logged model."""
    info, data = said["info"], said.get("data") or {}
    status = str(info.get("status") or "")
    return {
        "name": str(info.get("name") or ""),
        "status": status if status in logged_models.STATUSES else "",
        "tags": {key: value[: runs.TAG_MAX] for key, value in pairs(info.get("tags")).items()},
        "params": {key: value[: measurements.PARAM_MAX] for key, value in pairs(data.get("params")).items()},
    }


def _logged_here(model: LoggedModel) -> Facts:
    return {"name": model.name, "status": model.status, "tags": model.tags, "params": model.params}


def _begin_logged_model(job: Job, there: str, info: Json, facts: Facts) -> Imported:
    if not MODEL_ID.match(there):
        raise Invalid(f"The model id {there[:80]!r} is none of MLflow's.")
    if LoggedModel.objects.filter(pk=there).exists():
        raise Conflict("A logged model with this id is here already, and was not imported from there.")
    run = Run.objects.select_related("author").filter(pk=job.here("run", str(info.get("source_run_id") or "")) or None)
    with together():
        made = logged_models.create_logged_model(
            Experiment.objects.get(pk=_experiment(job, info)),
            actor=job.actor,
            name=facts["name"],
            source_run=run.first(),
            model_type=str(info.get("model_type") or ""),
            model_id=there,
        )
        _fill(job, made, facts)
        author = made.source_run.author if made.source_run else job.actor.person
        LoggedModel.objects.filter(pk=made.pk).update(author=author)
        return job.copied("logged model", there, made.pk)


def _fill(job: Job, model: LoggedModel, facts: Facts) -> None:
    kept = job.fitting(f"logged model {model.pk}", facts["tags"], logged_models.check_tag)
    for tags in _batches(iter(kept.items()), SMALL_BATCH):
        logged_models.set_logged_model_tags(model, dict(tags), actor=job.actor)
    for params in _batches(iter(facts["params"].items()), SMALL_BATCH):
        logged_models.log_logged_model_params(model, dict(params), actor=job.actor)


def _keep_moments(model: LoggedModel, info: Json) -> None:
    created = info.get("creation_timestamp_ms")
    if created:
        updated = int(info.get("last_updated_timestamp_ms") or created)
        LoggedModel.objects.filter(pk=model.pk).update(created_at=moment(int(created)), updated_at=moment(updated))
