"""Experiments: folders of runs. Number 0, `Default`, always exists."""

import re

from django.db import IntegrityError, connection, transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import denied, require
from audit.record import Change, record
from core import clock
from core.refusals import AlreadyExists, Conflict, Invalid, NotFound
from registry import names
from registry.authorship import require_active, require_reading, subject_of
from registry.filters import parse_filter
from registry.models import Experiment, LoggedModel, Run
from registry.models.tracking import Lifecycle
from registry.paging import Listing, Page, by, check_size, page
from registry.provenance import refuse_registered
from registry.search import KINDS, NUMBER, Asked, Field, condition, inside, orders

DEFAULT_ID = 0
NAME_MAX, TAG_MAX, NUMBER_DIGITS = 500, 20_000, 18
WHOLE = re.compile(r"-?[0-9]+\Z")
FIELDS = {
    "name": Field("name"),
    "experiment_id": Field("pk", NUMBER, whole=True),
    "creation_time": Field("created_at", NUMBER, moment=True),
    "last_update_time": Field("updated_at", NUMBER, moment=True),
}
ORDERS = {"name": "name", "experiment_id": "pk", "creation_time": "created_at", "last_update_time": "updated_at"}
VIEWS = {"ACTIVE_ONLY": [Lifecycle.ACTIVE], "DELETED_ONLY": [Lifecycle.DELETED], "ALL": list(Lifecycle)}


def find_experiment(experiment_id: str, *, actor: Actor) -> Experiment:
    """Return the experiment, a deleted one too; raise NotFound where there is none."""
    require_reading(actor)
    found = Experiment.objects.filter(pk=number_of(experiment_id)).first()
    if found is None:
        raise NotFound(f"No Experiment with id={experiment_id[:80]} exists")
    return found


def number_of(experiment_id: str) -> int:
    """Return the number that stands for an experiment, -1 where none has it; raise Invalid for what is no number."""
    if not WHOLE.match(experiment_id):
        raise Invalid(
            f"Invalid experiment ID '{experiment_id[:80]}'. Experiment ID must be a valid integer.",
            field="experiment_id",
        )
    return int(experiment_id) if len(experiment_id) <= NUMBER_DIGITS else -1


def find_experiment_by_name(name: str, *, actor: Actor) -> Experiment:
    """Return the experiment `name`, a deleted one too; raise NotFound where there is none."""
    require_reading(actor)
    found = Experiment.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"Could not find experiment with name '{name[:NAME_MAX]}'")
    return found


def search_experiments(asked: Asked, *, view: str, actor: Actor) -> Page[Experiment]:
    """Return the page of experiments, the last changed first."""
    require_reading(actor)
    size = check_size(asked.max_results, default=1000, limit=50_000)
    rows = Experiment.objects.filter(lifecycle_stage__in=view_of(view))
    for clause in parse_filter(asked.filter, KINDS):
        rows = rows.filter(condition(clause, FIELDS, {"tag": inside("tags")}, asked.filter))
    chosen = orders(asked.order_by, ORDERS) or by("-updated_at")
    return page(rows, Listing(("experiments", asked.filter, view), (*chosen, *by("-pk")), size, asked.token))


def view_of(name: str) -> list[Lifecycle]:
    """Return the lifecycle stages that MLflow's view type `name` shows."""
    if name not in VIEWS:
        raise Invalid(
            f"Invalid value {name[:40]} for parameter 'view_type' supplied: one of {', '.join(VIEWS)}.",
            field="view_type",
        )
    return VIEWS[name]


def create_experiment(
    name: str, *, actor: Actor, tags: dict[str, str] | None = None, number: int | None = None
) -> Experiment:
    """Create an experiment. Raises AlreadyExists where one, deleted ones included, has the name or the number.

    An import keeps the `number` it had elsewhere; anyone else gets a new one.
    """
    require(actor, Permission.TRACKING_WRITE, "create experiments")
    _check_name(name)
    for key, value in (tags or {}).items():
        check_tag(key, value)
    try:
        with transaction.atomic():
            made = Experiment.objects.create(pk=number, name=name, tags=tags or {})
            if number is not None:
                _count_on(number)
            record("experiment.created", subject_of(made), actor=actor)
    except IntegrityError as why:
        raise AlreadyExists(f"Experiment(name={name}) already exists.") from why
    return made


def _count_on(number: int) -> None:
    """Let the database give no number up to this one again; SQLite sees to it by itself."""
    if connection.vendor == "postgresql":
        sequence = "pg_get_serial_sequence('registry_experiment', 'id')"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT setval({sequence}, GREATEST(nextval({sequence}), %s))", [number])


def rename_experiment(experiment: Experiment, name: str, *, actor: Actor) -> None:
    """Give the experiment another name."""
    _require_alone(experiment, "rename", actor)
    _check_name(name)
    try:
        with transaction.atomic():
            row = _locked(experiment)
            require_active(row)
            row.name, row.updated_at = name, clock.now()
            row.save(update_fields=["name", "updated_at"])
    except IntegrityError as why:
        raise AlreadyExists(f"Experiment(name={name}) already exists.") from why


def delete_experiment(experiment: Experiment, *, actor: Actor) -> None:
    """Mark the experiment and its runs deleted.

    Raises Conflict for `Default` and while a registered version came from it.
    """
    if experiment.pk == DEFAULT_ID:
        raise Conflict("The experiment Default is where runs go that name none; it cannot be deleted.")
    _require_alone(experiment, "delete", actor)
    with transaction.atomic():
        row = _locked_as(experiment, Lifecycle.ACTIVE)
        refuse_registered(row.runs.all(), row.logged_models.all(), f"experiment {row.name}", actor=actor)
        runs = _mark(row, Lifecycle.DELETED)
        record("experiment.deleted", subject_of(row), actor=actor, change=Change(facts={"runs": runs}))


def restore_experiment(experiment: Experiment, *, actor: Actor) -> None:
    """Bring the experiment and its runs back."""
    _require_alone(experiment, "restore", actor)
    with transaction.atomic():
        row = _locked_as(experiment, Lifecycle.DELETED)
        runs = _mark(row, Lifecycle.ACTIVE)
        record("experiment.restored", subject_of(row), actor=actor, change=Change(facts={"runs": runs}))


def set_experiment_tag(experiment: Experiment, key: str, value: str, *, actor: Actor) -> None:
    """Set a tag, replacing its earlier value."""
    require(actor, Permission.TRACKING_WRITE, "tag experiments")
    check_tag(key, value)
    with transaction.atomic():
        row = _locked(experiment)
        require_active(row)
        row.tags, row.updated_at = {**row.tags, key: value}, clock.now()
        row.save(update_fields=["tags", "updated_at"])


def delete_experiment_tag(experiment: Experiment, key: str, *, actor: Actor) -> None:
    """Remove a tag; raise NotFound for an absent one."""
    require(actor, Permission.TRACKING_WRITE, "untag experiments")
    with transaction.atomic():
        row = _locked(experiment)
        require_active(row)
        if key not in row.tags:
            raise NotFound(f"No tag with name: {key[: names.KEY_MAX]} in experiment with id {row.pk}")
        del row.tags[key]
        row.updated_at = clock.now()
        row.save(update_fields=["tags", "updated_at"])


def _locked(experiment: Experiment) -> Experiment:
    return Experiment.objects.select_for_update().get(pk=experiment.pk)


def _locked_as(experiment: Experiment, stage: Lifecycle) -> Experiment:
    """Return the experiment where it is in that stage; raise NotFound, as MLflow does, where it is in the other."""
    row = _locked(experiment)
    if row.lifecycle_stage != stage:
        raise NotFound(f"No {stage} experiment with id={row.pk} exists")
    return row


def _mark(row: Experiment, stage: Lifecycle) -> int:
    row.lifecycle_stage, row.updated_at = stage, clock.now()
    row.save(update_fields=["lifecycle_stage", "updated_at"])
    return row.runs.exclude(lifecycle_stage=stage).update(lifecycle_stage=stage)


def _require_alone(experiment: Experiment, deed: str, actor: Actor) -> None:
    """Refuse where others logged to the experiment, unless the actor may write what is theirs."""
    about = subject_of(experiment)
    require(actor, Permission.TRACKING_WRITE, f"{deed} experiments", about=about)
    if actor.holds(Permission.TRACKING_WRITE_ALL):
        return
    others = (Run.objects, LoggedModel.objects)
    if any(rows.filter(experiment=experiment).exclude(author=actor.user).exists() for rows in others):
        raise denied(actor, Permission.TRACKING_WRITE_ALL, f"{deed} an experiment that others log to", about=about)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > NAME_MAX:
        raise Invalid(f"Invalid experiment name: it has 1 to {NAME_MAX} characters.", field="name")


def check_tag(key: str, value: str) -> None:
    """Raise Invalid for a key or value that no experiment's tag can have."""
    names.check_tag(key, value)
    if len(value) > TAG_MAX:
        raise Invalid(f"Experiment tag value is over {TAG_MAX} characters.", field="value")
