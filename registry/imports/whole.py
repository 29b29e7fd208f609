"""The whole import, in the order in which one thing needs another."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require
from registry.imports import registering, tracking
from registry.imports.files import API
from registry.imports.job import Job, Progress
from registry.imports.report import Report
from registry.imports.source import Json, Source, Unreachable

ABSENT = frozenset({400, 404, 405, 501})
NEEDS = (Permission.TRACKING_WRITE_ALL, Permission.MODEL_CREATE, Permission.MODEL_WRITE)


def import_all(uri: str, *, actor: Actor, environ: Mapping[str, str], progress: Progress, ask: bool = False) -> Report:
    """Copy what is there and not here, and return what came of it. Safe to repeat, and to cut off and repeat.

    What was copied is only compared. Raises Denied for an actor who may not write everybody's runs and models,
    Unreachable where the server cannot be listed.
    """
    for permission in NEEDS:
        require(actor, permission, "import from another server")
    source = Source(uri, environ)
    job = Job(source, actor, Report(source.uri), progress, ask=ask)
    copied = _experiments(job)
    job.each("run", _each_of(copied, job, tracking.listed_runs), lambda one: tracking.copy_run(job, one), _id_of)
    models = registering.listed_models(job)
    versions = registering.listed_versions(job, models)
    job.each("run", _deleted_runs(job, versions), lambda one: tracking.copy_run(job, one), _id_of)
    logged = _if_any(_each_of(copied, job, tracking.listed_logged_models))
    job.each("logged model", logged, lambda one: tracking.copy_logged_model(job, one), _id_of)
    job.each("model", models, lambda one: registering.copy_model(job, one), lambda one: str(one["name"]))
    job.each("version", versions, lambda one: registering.copy_version(job, one), _version_of)
    job.end()
    return job.report


def _experiments(job: Job) -> list[str]:
    """Copy the experiments; return the numbers there of those that are here."""
    found = tracking.listed_experiments(job)
    job.each("experiment", found, lambda one: tracking.copy_experiment(job, one), lambda one: str(one["name"]))
    return [there for one in found if job.here("experiment", there := str(one["experiment_id"]))]


def _each_of(experiments: list[str], job: Job, listed: Callable[[Job, str], Iterator[Json]]) -> Iterator[Json]:
    for experiment in experiments:
        yield from listed(job, experiment)


def _if_any(rows: Iterator[Json]) -> Iterator[Json]:
    """Yield the rows; a server from before logged models does not know the call."""
    try:
        yield from rows
    except Unreachable as why:
        if why.status not in ABSENT:
            raise


def _deleted_runs(job: Job, versions: Iterable[Json]) -> Iterator[Json]:
    """Yield the runs that versions came from and no list showed: deleted there, and still evidence."""
    wanted = {str(one["run_id"]) for one in versions if one.get("run_id")}
    for run_id in sorted(wanted - job.seen.get("run", set())):
        try:
            yield job.source.get(f"{API}/runs/get", run_id=run_id)["run"]
        except Unreachable as why:
            if why.status not in ABSENT:
                raise


def _id_of(one: Json) -> str:
    info = one.get("info") or {}
    return str(info.get("run_id") or info.get("model_id"))


def _version_of(one: Json) -> str:
    return f"{one['name']}/{one['version']}"
