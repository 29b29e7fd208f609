"""Asks for files to be scored, cancels that, and finds what became of it. `batch.desk` does the work."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import SYSTEM, Actor
from accounts.policy import require
from audit.record import Change, Subject, record
from audit.replay.attest import alerting
from core import clock
from core.refusals import Conflict, Invalid, NotFound
from deployments.attested import require_endpoint
from deployments.endpoints import endpoint_subject, serving
from deployments.models import BatchJob, Endpoint, InstalledRight
from deployments.states import BATCH_LIVE, BATCH_MOVES, BatchState
from deployments.targets.kinds import target
from registry import access, artifacts, blobs
from registry.artifacts import parse_place, run_root
from registry.listed_files import FileLine
from registry.models import Blob
from registry.runs import find_run
from registry.stores.contract import Written

LIVE_AT_ONCE = 100  # of an endpoint
FOLDER = "mlflow-artifacts:/"
OF_RUN = "runs:/"
NAME = 250


@dataclass(frozen=True)
class Wish:
    """How the result should be: its kind, and a column of the file that is given back beside each prediction."""

    result_kind: str = BatchJob.Kind.PARQUET
    id_column: str = ""


def job_subject(job: BatchJob) -> Subject:
    """Return `job` as the ledger names it."""
    label = f"{job}: {job.input_name} by {job.version} at {job.endpoint.name}"
    return Subject("batch_job", str(job.pk), label, job.endpoint.model.uuid)


def require_starter(endpoint: Endpoint, actor: Actor) -> None:
    """Refuse whoever may not have files scored at the endpoint: it takes what a rollout takes."""
    about = endpoint_subject(endpoint)
    require(actor, endpoint.environment.permission, f"score files at {endpoint} ({endpoint.environment})", about=about)


def score_upload(endpoint: Endpoint, name: str, chunks: Iterable[bytes], wish: Wish, *, actor: Actor) -> BatchJob:
    """Keep a file that comes with the call, and ask for it to be scored; see `score`."""
    require_starter(endpoint, actor)
    _refuse_unable(endpoint)
    written = blobs.write_blob(chunks)
    if not written.size:
        raise Invalid("The file is empty.", field="files")
    return _ask(endpoint, name, written, wish, actor)


def score_stored(endpoint: Endpoint, address: str, wish: Wish, *, actor: Actor) -> BatchJob:
    """Ask for a file of the artifact store to be scored: `runs:/RUN/PATH`, or an address below `mlflow-artifacts:/`.

    Raises NotFound where there is none or it may not be seen. See `score`.
    """
    require_starter(endpoint, actor)
    _refuse_unable(endpoint)
    file = find_stored(address, actor=actor)
    return _ask(endpoint, address.rpartition("/")[2], Written(file.sha256, file.size), wish, actor)


def find_stored(address: str, *, actor: Actor) -> FileLine:
    """Return the file of a run, a logged model or a version; raise NotFound or Invalid as its store does."""
    if address.startswith(OF_RUN):
        run_id, _, path = address.removeprefix(OF_RUN).partition("/")
        address = f"{run_root(find_run(run_id, actor=actor))}/{path}"
    place = address.removeprefix(FOLDER)
    if "://" in place or ":/" in place or not place:
        raise Invalid("A stored file is runs:/RUN/PATH or mlflow-artifacts:/PATH.", field="address")
    return artifacts.find_file(parse_place(place), actor=actor)


def _refuse_unable(endpoint: Endpoint) -> None:
    if not target(endpoint.target).capabilities().batch:
        raise Conflict(f"The target {endpoint.target} scores no files.")
    if serving(endpoint) is None:
        raise Conflict(f"{endpoint} serves nothing that could score a file.", next_step="Deploy a version to it first.")


def _ask(endpoint: Endpoint, name: str, written: Written, wish: Wish, actor: Actor) -> BatchJob:
    """Queue the job. The same file for the same version, asked for again while it is under way, is the same job."""
    if wish.result_kind not in BatchJob.Kind.values:
        raise Invalid(f"A result is {' or '.join(BatchJob.Kind.values)}.", field="result")
    with alerting(), transaction.atomic():
        access.locked(endpoint.model)
        serves = serving(endpoint)
        if serves is None:
            raise Conflict(f"{endpoint} serves nothing any more that could score a file.")
        require_endpoint(endpoint, f"have a file scored at {endpoint}", serves)
        same = {
            "version": serves.version, "input_id": written.sha256, "result_kind": wish.result_kind,
            "id_column": wish.id_column.strip()[:NAME],
        }  # fmt: skip
        live = endpoint.batch_jobs.filter(state__in=BATCH_LIVE)
        if again := live.filter(**same).first():
            return again
        if live.count() >= LIVE_AT_ONCE:
            raise Conflict(f"{LIVE_AT_ONCE} files wait at {endpoint} already.", next_step="Wait for one to end.")
        artifacts.held_blob(written)
        job = BatchJob.objects.create(
            endpoint=endpoint,
            rollout=serves,
            digest=serves.digest,
            input_name=_shown(name),
            created_by=actor.person,
            **same,
        )
        _record(
            job,
            "requested",
            actor,
            {"input_bytes": written.size, "result": job.result_kind, "id_column": job.id_column},
        )
    return job


def _shown(name: str) -> str:
    """Return a file's name without folders and without what cannot be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:NAME] or "file"


def cancel(job: BatchJob, *, actor: Actor, reason: str = "") -> BatchJob:
    """End a job that is queued or running; what it did so far is dropped. Doing it again changes nothing."""
    require(
        actor,
        job.endpoint.environment.permission,
        f"cancel {job} of {job.endpoint}",
        about=endpoint_subject(job.endpoint),
    )
    with transaction.atomic():
        row = locked(job)
        if row.state == BatchState.CANCELLED:
            return row
        advance(row, BatchState.CANCELLED, actor=actor, why=reason)
    return row


def locked(job: BatchJob) -> BatchJob:
    """Return the job read again under its row's lock."""
    BatchJob.objects.select_for_update().get(pk=job.pk)
    return whole(job.pk)


def whole(pk: int) -> BatchJob:
    """Return the job with what the desk and the rules read of it."""
    return _related(BatchJob.objects.all()).get(pk=pk)


def _related(rows: QuerySet[BatchJob]) -> QuerySet[BatchJob]:
    return rows.select_related(
        "endpoint__environment", "endpoint__model", "version__model", "version__manifest", "rollout", "created_by",
        "input", "result", "rejected", "manifest",
    )  # fmt: skip


def advance(
    job: BatchJob, to: BatchState, *, actor: Actor = SYSTEM, why: str = "", facts: dict[str, object] | None = None
) -> None:
    """Move the job along `BATCH_MOVES` with its event, under its lock; nothing else assigns the state."""
    if to not in BATCH_MOVES.get(job.state, frozenset()):
        raise Conflict(f"{job} is {job.get_state_display().lower()}; it cannot become {to.label.lower()}.")
    job.state, job.why = to, why[:1000]
    if to == BatchState.RUNNING:
        job.started_at = clock.now()
    if to not in BATCH_LIVE:
        job.ended_at, job.phase = clock.now(), ""
    job.save()
    name = {BatchState.RUNNING: "started", BatchState.DONE: "finished"}.get(to, to.value)
    _record(job, name, actor, facts or {}, why)


def _record(job: BatchJob, name: str, actor: Actor, facts: dict[str, object], why: str = "") -> None:
    known: dict[str, object] = {
        "endpoint": job.endpoint.name, "version": job.version.version, "digest": job.digest, "input": job.input_id,
        "input_name": job.input_name, "rollout": job.rollout_id, "fence": job.fence,
        "rows": {"read": job.rows_read, "scored": job.rows_scored, "rejected": job.rows_rejected},
    }  # fmt: skip
    record(f"batch.job.{name}", job_subject(job), actor=actor, change=Change(comment=why, facts={**known, **facts}))


def right_of(job: BatchJob) -> InstalledRight | None:
    """Return the right that the job rests on, or None where it was withdrawn or is of another digest."""
    rights = InstalledRight.objects.filter(endpoint=job.endpoint, version=job.version, digest=job.digest)
    return rights.filter(withdrawn_at=None).order_by("-installed_at").first()


def jobs_of(endpoint: Endpoint) -> QuerySet[BatchJob]:
    """Return the endpoint's jobs, newest first."""
    return _related(endpoint.batch_jobs.all()).order_by("-pk")


def find_job(endpoint: Endpoint, number: int) -> BatchJob:
    """Return the job; raise NotFound where the endpoint has none of that number."""
    found = jobs_of(endpoint).filter(pk=number).first()
    if found is None:
        raise NotFound(f"{endpoint} has no batch job #{number}.")
    return found


FILES = ("result", "rejected", "manifest", "input")


def file_of(job: BatchJob, which: str) -> Blob:
    """Return one of the job's files; raise NotFound where there is none (yet)."""
    blob = getattr(job, which) if which in FILES else None
    if blob is None:
        raise NotFound(f"{job} has no {which[:20]} file.")
    found: Blob = blob
    return found


def file_name(job: BatchJob, which: str) -> str:
    """Return the name under which one of the job's files is saved."""
    if which == "input":
        return job.input_name
    endings = {"result": job.result_kind, "rejected": "csv", "manifest": "json"}
    return f"{job.endpoint.name}-{job.pk}-{which}.{endings[which]}"
