"""Logged models: the model folders that runs write (MLflow 3), before anyone registers them."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require
from core import clock
from core.refusals import Invalid, NotFound
from registry import contributors, names
from registry.authorship import author_of, require_active, require_author, require_reading, subject_of
from registry.experiments import number_of
from registry.filters import parse_filter
from registry.measurements import PARAM_MAX, PARAMS_MAX, check_key
from registry.models import Experiment, LoggedModel, Metric, Run
from registry.models.tracking import Lifecycle
from registry.paging import Column, Listing, Page, by, check_size, page
from registry.provenance import refuse_registered
from registry.restricted import shown
from registry.run_search import by_metric, measured, newest_of
from registry.runs import TAG_MAX, made_up_name
from registry.search import LISTED, NUMBER, TAG_WORDS, Asked, Field, address, condition, inside

NAME_MAX, TYPE_MAX, TAGS_MAX = 500, 500, 100
FORBIDDEN = re.compile(r"[/:.%\"']")
STATUSES = ("LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED")
KINDS = {
    **TAG_WORDS,
    "attribute": "attribute",
    "attributes": "attribute",
    "param": "param",
    "params": "param",
    "metric": "metric",
    "metrics": "metric",
}
FIELDS = {
    "creation_timestamp": Field("created_at", NUMBER, moment=True),
    "creation_time": Field("created_at", NUMBER, moment=True),
    "last_updated_timestamp": Field("updated_at", NUMBER, moment=True),
    "experiment_id": Field("experiment_id", NUMBER, whole=True),
    "artifact_location": Field("artifact_location"),
    "name": Field("name", LISTED),
    "model_name": Field("name", LISTED),
    "model_id": Field("model_id", LISTED),
    "model_type": Field("model_type", LISTED),
    "status": Field("status", LISTED),
    "source_run_id": Field("source_run_id", LISTED),
}
ARTIFACTS = address("experiment_id", "/models/", "model_id", "/artifacts")
ORDERS = {
    "name": "name",
    "model_id": "model_id",
    "model_type": "model_type",
    "status": "status",
    "source_run_id": "source_run_id",
    "last_updated_time": "updated_at",
    "creation_timestamp": "created_at",
    "creation_time": "created_at",
    "last_updated_timestamp": "updated_at",
}


@dataclass(frozen=True)
class Dataset:
    """A data set that metrics were measured on; without a digest, of any."""

    name: str
    digest: str = ""

    @property
    def measured(self) -> Q:
        """What holds of a metric that was measured on it."""
        named = Q(dataset__name=self.name)
        return named & Q(dataset__digest=self.digest) if self.digest else named


@dataclass(frozen=True)
class Ordered:
    """A column to order logged models by: a field, or `metrics.KEY` on a data set."""

    field: str
    descending: bool = False
    on: Dataset | None = None


def find_logged_model(model_id: str, *, actor: Actor, deleted: bool = False) -> LoggedModel:
    """Return the active logged model, or with `deleted` any; raise NotFound where there is none."""
    require_reading(actor)
    rows = shown(LoggedModel.objects.select_related("author", "source_run"), actor=actor)
    stages = Lifecycle.values if deleted else [Lifecycle.ACTIVE]
    found = rows.filter(model_id=model_id, lifecycle_stage__in=stages).first()
    if found is None:
        raise NotFound(f"Logged model with ID '{model_id[:80]}' not found.")
    return found


def search_logged_models(
    experiment_ids: Sequence[str],
    asked: Asked,
    *,
    actor: Actor,
    order_by: Sequence[Ordered] = (),
    on: Sequence[Dataset] = (),
) -> Page[LoggedModel]:
    """Return the page of active logged models of these experiments, newest first.

    With data sets, only metrics measured `on` one of them count, and models without such a metric are left out.
    """
    require_reading(actor)
    size = check_size(asked.max_results, default=100, limit=1000)
    numbers = [number_of(text) for text in experiment_ids]
    rows = shown(LoggedModel.objects.filter(experiment__in=numbers, lifecycle_stage=Lifecycle.ACTIVE), actor=actor)
    counted = reduce(or_, (one.measured for one in on), Q())
    if on:
        rows = rows.filter(Exists(Metric.objects.filter(counted, logged_model_id=OuterRef("pk"))))
    related = {"tag": inside("tags"), "param": inside("params"), "metric": measured("logged_model_id", counted)}
    rows = rows.alias(artifact_location=ARTIFACTS)
    for clause in parse_filter(asked.filter, KINDS):
        rows = rows.filter(condition(clause, FIELDS, related, asked.filter))
    columns = (*(column for one in order_by for column in _columns(one)), *by("-created_at", "-pk"))
    listing = Listing(
        ("logged models", asked.filter, sorted(numbers), str([*order_by, *on])), columns, size, asked.token
    )
    return page(rows.select_related("author", "source_run"), listing)


def _columns(asked: Ordered) -> tuple[Column, ...]:
    kind, dot, key = asked.field.partition(".")
    if dot and KINDS.get(kind) == "metric":
        on = asked.on.measured if asked.on else Q()
        newest = newest_of("logged_model_id", key, OuterRef("pk"), on)
        return by_metric(asked.field, newest, descending=asked.descending)
    if asked.field not in ORDERS:
        words = f"{', '.join(ORDERS)} and metrics.KEY are"
        raise Invalid(f"Invalid order by field name: {asked.field[:80]}; {words}.", field="order_by")
    path = ORDERS[asked.field]
    return (Column(path, asked.descending, nullable=path == "source_run_id"),)


def create_logged_model(
    experiment: Experiment,
    *,
    actor: Actor,
    name: str = "",
    source_run: Run | None = None,
    model_type: str = "",
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    model_id: str = "",
) -> LoggedModel:
    """Create a logged model in state PENDING, of `actor`; a name is made up where none is given.

    An import keeps the `model_id` it had elsewhere; anyone else gets a new one. Raises
    Denied where the run is somebody else's.
    """
    require(actor, Permission.TRACKING_WRITE, "log models")
    require_active(experiment)
    if source_run:
        require_author(source_run, "log a model to this run", actor=actor)
    if len(name) > NAME_MAX or FORBIDDEN.search(name):
        raise Invalid(
            "Invalid model name: it must not contain any of / : . % \" ' and has at most 500 characters.", field="name"
        )
    if len(model_type) > TYPE_MAX:
        raise Invalid(f"The model_type is over {TYPE_MAX} characters.", field="model_type")
    with transaction.atomic():
        if source_run:
            contributors.note(subject_of(source_run), source_run.author_id, actor=actor)
        return LoggedModel.objects.create(
            model_id=model_id or f"m-{secrets.token_hex(16)}", experiment=experiment, name=name or made_up_name(),
            source_run=source_run, author=author_of(actor), model_type=model_type, params=_params(params or {}),
            tags=_tags(tags or {}),
        )  # fmt: skip


def finalize_logged_model(model: LoggedModel, status: str, *, actor: Actor) -> LoggedModel:
    """Say how the upload ended."""
    if status not in STATUSES:
        raise Invalid(
            f"Invalid value {status[:40]!r} for parameter 'status' supplied: one of {', '.join(STATUSES)}.",
            field="status",
        )
    with transaction.atomic():
        row = _writable(model, "finalize this model", actor)
        return _saved(row, status=status)


def delete_logged_model(model: LoggedModel, *, actor: Actor) -> None:
    """Mark the logged model deleted; one that is already is no error.

    Raises Conflict while a live version was registered from it.
    """
    require_author(model, "delete this model", actor=actor)
    with transaction.atomic():
        if not LoggedModel.objects.filter(pk=model.pk, lifecycle_stage=Lifecycle.ACTIVE).exists():
            return
        row = _writable(model, "delete this model", actor)
        refuse_registered(
            Run.objects.none(), LoggedModel.objects.filter(pk=row.pk), f"logged model {row.name}", actor=actor
        )
        _saved(row, lifecycle_stage=Lifecycle.DELETED)


def set_logged_model_tags(model: LoggedModel, tags: dict[str, str], *, actor: Actor) -> LoggedModel:
    """Set tags, replacing earlier values."""
    checked = _tags(tags)
    with transaction.atomic():
        row = _writable(model, "tag this model", actor)
        return _saved(row, tags={**row.tags, **checked})


def delete_logged_model_tag(model: LoggedModel, key: str, *, actor: Actor) -> None:
    """Remove a tag; raise NotFound for an absent one."""
    with transaction.atomic():
        row = _writable(model, "untag this model", actor)
        if key not in row.tags:
            raise NotFound(f"No tag with key '{key[: names.KEY_MAX]}' found for model with ID '{row.pk}'.")
        _saved(row, tags={held: value for held, value in row.tags.items() if held != key})


def log_logged_model_params(model: LoggedModel, params: dict[str, str], *, actor: Actor) -> None:
    """Add params; raise Invalid for one that would change."""
    checked = _params(params)
    with transaction.atomic():
        row = _writable(model, "log params of this model", actor)
        for key in checked.keys() & row.params.keys():
            if checked[key] != row.params[key]:
                raise Invalid(
                    f"Changing param values is not allowed: '{key}' is '{row.params[key][:80]}'.", field="params"
                )
        _saved(row, params={**row.params, **checked})


def _writable(model: LoggedModel, deed: str, actor: Actor) -> LoggedModel:
    require_author(model, deed, actor=actor)
    row = LoggedModel.objects.select_for_update(of=("self",)).select_related("author").get(pk=model.pk)
    require_active(row)
    contributors.note(subject_of(row), row.author_id, actor=actor)
    return row


def _saved(row: LoggedModel, **values: object) -> LoggedModel:
    row.updated_at = clock.now()
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=[*values, "updated_at"])
    return row


def _params(params: dict[str, str]) -> dict[str, str]:
    if len(params) > PARAMS_MAX:
        raise Invalid(f"A request has at most {PARAMS_MAX} params.", field="params")
    return {check_key(key, "param"): value[:PARAM_MAX] for key, value in params.items()}


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > TAGS_MAX:
        raise Invalid(f"A request has at most {TAGS_MAX} tags.", field="tags")
    return {key: check_tag(key, value) for key, value in tags.items()}


def check_tag(key: str, value: str) -> str:
    """Return the value as it is kept; raise Invalid for a key that is none. MLflow takes any."""
    if not key or len(key) > names.KEY_MAX or not key.isprintable():
        raise Invalid(f"A tag's key has 1 to {names.KEY_MAX} printable characters.", field="tags")
    return value[:TAG_MAX]
