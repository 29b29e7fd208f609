"""Runs, each one execution of training code. What they log is in `registry.measurements`."""

import secrets
import uuid

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require
from audit.record import record
from core import clock
from core.refusals import Invalid, NotFound
from registry import contributors, names
from registry.authorship import author_of, require_active, require_author, require_reading, subject_of
from registry.models import Experiment, LoggedModel, Run, RunTag
from registry.models.tracking import Lifecycle
from registry.provenance import refuse_registered
from registry.restricted import shown

NAME_TAG = "mlflow.runName"
NAME_MAX, TAG_MAX = 250, 8_000
STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
MANNERS = (
    "amber",
    "bold",
    "brisk",
    "calm",
    "clear",
    "eager",
    "fair",
    "gentle",
    "keen",
    "lively",
    "merry",
    "neat",
    "quiet",
)
CREATURES = (
    "auk",
    "crane",
    "dove",
    "egret",
    "finch",
    "gull",
    "hare",
    "ibis",
    "kite",
    "lark",
    "newt",
    "owl",
    "robin",
    "wren",
)


def made_up_name() -> str:
    """Return a name such as `calm-owl-417`."""
    return f"{secrets.choice(MANNERS)}-{secrets.choice(CREATURES)}-{secrets.randbelow(900) + 100}"


def find_run(run_id: str, *, actor: Actor) -> Run:
    """Return the run, a deleted one too; raise NotFound where there is none or it is kept from the actor."""
    require_reading(actor)
    run = shown(Run.objects.select_related("author", "experiment"), actor=actor).filter(run_id=run_id).first()
    if run is None:
        raise NotFound(f"Run with id={run_id[:80]} not found")
    return run


def create_run(
    experiment: Experiment,
    *,
    actor: Actor,
    name: str = "",
    start_time: int | None = None,
    tags: dict[str, str] | None = None,
    run_id: str = "",
) -> Run:
    """Start a run of `actor`. Its name is `name`, else the tag mlflow.runName, else made up; the tag says the same.

    An import keeps the `run_id` it had elsewhere; anyone else gets a new one.
    """
    require(actor, Permission.TRACKING_WRITE, "create runs")
    require_active(experiment)
    wanted = dict(tags or {})
    if name and wanted.get(NAME_TAG, name) != name:
        raise Invalid(
            f"Both 'run_name' ('{name[:80]}') and the tag {NAME_TAG} are given, and they differ.", field="run_name"
        )
    wanted[NAME_TAG] = name or wanted.get(NAME_TAG, "") or made_up_name()
    kept = {key: check_run_tag(key, value) for key, value in wanted.items()}
    moment = clock.millis(clock.now()) if start_time is None else start_time
    with transaction.atomic():
        run = Run.objects.create(
            run_id=run_id or uuid.uuid4().hex,
            experiment=experiment,
            name=kept[NAME_TAG],
            author=author_of(actor),
            start_time=moment,
        )
        RunTag.objects.bulk_create(RunTag(run=run, key=key, value=value) for key, value in kept.items())
    return run


def update_run(run: Run, *, actor: Actor, status: str = "", end_time: int | None = None, name: str = "") -> Run:
    """Set the status, end and name; what is not given stays."""
    if status and status not in STATUSES:
        raise Invalid(
            f"Invalid value {status[:40]} for parameter 'status' supplied: one of {', '.join(STATUSES)}.",
            field="status",
        )
    with transaction.atomic():
        row = writable(run, "change this run", actor=actor)
        row.status = status or row.status
        row.end_time = row.end_time if end_time is None else end_time
        row.save(update_fields=["status", "end_time"])
        if name:
            put_tag(row, NAME_TAG, check_run_tag(NAME_TAG, name))
    return row


def delete_run(run: Run, *, actor: Actor) -> None:
    """Mark the run deleted. Raises Conflict while a live version was registered from it."""
    require_author(run, "delete this run", actor=actor)
    with transaction.atomic():
        row = _locked(run)
        if row.lifecycle_stage == Lifecycle.ACTIVE:
            refuse_registered(Run.objects.filter(pk=row.pk), LoggedModel.objects.none(), f"run {row.name}", actor=actor)
            _mark(row, Lifecycle.DELETED)
            record("run.deleted", subject_of(row), actor=actor)


def restore_run(run: Run, *, actor: Actor) -> None:
    """Bring a deleted run back."""
    require_author(run, "restore this run", actor=actor)
    with transaction.atomic():
        row = _locked(run)
        if row.lifecycle_stage == Lifecycle.DELETED:
            require_active(row.experiment)
            _mark(row, Lifecycle.ACTIVE)
            record("run.restored", subject_of(row), actor=actor)


def set_run_tag(run: Run, key: str, value: str, *, actor: Actor) -> None:
    """Set a tag, replacing its earlier value; mlflow.runName names the run, and an empty one changes nothing."""
    kept = check_run_tag(key, value)
    with transaction.atomic():
        put_tag(writable(run, "tag this run", actor=actor), key, kept)


def delete_run_tag(run: Run, key: str, *, actor: Actor) -> None:
    """Remove a tag; raise NotFound for an absent one."""
    with transaction.atomic():
        row = writable(run, "untag this run", actor=actor)
        gone, _ = RunTag.objects.filter(run=row, key=key).delete()
        if not gone:
            raise NotFound(f"No tag with name: {key[: names.KEY_MAX]} in run with id {row.pk}")


def writable(run: Run, deed: str, *, actor: Actor, changes: bool = True) -> Run:
    """Return the run under its row's lock; refuse somebody else's and a deleted one.

    Whoever changes another's is told of, in the transaction of the change.
    """
    require_author(run, deed, actor=actor)
    row = _locked(run)
    require_active(row)
    if changes:
        contributors.note(subject_of(row), row.author_id, actor=actor)
    return row


def put_tag(run: Run, key: str, value: str) -> None:
    """Keep a checked tag, under the run's lock; a run goes on having a name, as in MLflow."""
    if key == NAME_TAG and not value:
        return
    RunTag.objects.update_or_create(run=run, key=key, defaults={"value": value})
    if key == NAME_TAG:
        run.name = value
        run.save(update_fields=["name"])


def check_run_tag(key: str, value: str) -> str:
    """Return the value as it is kept, cut at 8000 characters as MLflow does; raise Invalid for a bad key."""
    names.check_tag(key, "")
    if key == NAME_TAG and len(value) > NAME_MAX:
        raise Invalid(f"A run name has at most {NAME_MAX} characters.", field="run_name")
    return value[:TAG_MAX]


def _locked(run: Run) -> Run:
    return Run.objects.select_for_update(of=("self",)).select_related("author", "experiment").get(pk=run.pk)


def _mark(run: Run, stage: Lifecycle) -> None:
    run.lifecycle_stage = stage
    run.save(update_fields=["lifecycle_stage"])
