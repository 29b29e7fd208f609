"""What a restricted model came from is kept from the same people as the model itself."""

import json
from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from core.refusals import NotFound
from registry.models import LoggedModel, ModelVersion, RegisteredModel, Run
from registry.models.versions import ModelVersionQuerySet

Traced = TypeVar("Traced", Run, LoggedModel)
REGISTERED_AS = "mlflow.modelVersions"  # MLflow's client writes there what it registered, by name and number


def shown(rows: QuerySet[Traced], *, actor: Actor) -> QuerySet[Traced]:
    """Return the runs or logged models the actor may read: her own, and those no restricted model was made from.

    One that only models she cannot see were registered from is as if it were not there, and so is what else its run
    logged. A version tells of what it came from, not of what somebody wrote on it: see `born_of`.
    """
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        return rows
    if rows.model is Run:
        return rows.filter(_readable("run_id", "pk", "author", actor))
    own = _born("logged_model_id", "pk", "author")
    run = _readable("run_id", "source_run_id", "source_run__author", actor)
    return rows.filter(Q(author=actor.user) | Exists(own.visible_to(actor)) | ~Exists(_kept(own, actor)) & run)


def hides(rows: QuerySet[Run] | QuerySet[LoggedModel], *, actor: Actor) -> bool:
    """Whether one of `rows` is kept from the actor."""
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        return False
    return rows.exclude(pk__in=shown(rows, actor=actor).values("pk")).exists()  # type: ignore[type-var]


def require_shown(model_ids: Iterable[str], *, actor: Actor) -> None:
    """Refuse a logged model that is here and kept from the actor; one that is not here is the client's word."""
    asked = {model_id for model_id in model_ids if model_id}
    if not asked or actor.holds(Permission.MODEL_READ_RESTRICTED):
        return
    rows = LoggedModel.objects.filter(pk__in=asked)
    hidden = rows.exclude(pk__in=shown(rows, actor=actor).values("pk")).first()
    if hidden:
        raise NotFound(f"Logged model with ID '{hidden.pk}' not found.")


def _readable(column: str, key: str, author: str, actor: Actor) -> Q:
    born = _born(column, key, author)
    return Q(**{author: actor.user}) | Exists(born.visible_to(actor)) | ~Exists(_kept(born, actor))


def _born(column: str, key: str, author: str) -> ModelVersionQuerySet:
    """Return the live versions that came from the row around: what `born_of` says, the other way round."""
    proven = Q(manifest__isnull=False) | Q(registered_by=OuterRef(author))
    return ModelVersion.objects.live().filter(proven, **{column: OuterRef(key)})


def _kept(born: ModelVersionQuerySet, actor: Actor) -> ModelVersionQuerySet:
    return born.filter(model__restricted=True).exclude(model__in=RegisteredModel.objects.visible_to(actor))


def tags_shown(models: Iterable[LoggedModel], *, actor: Actor) -> dict[str, dict[str, str]]:
    """Return the tags of logged models, by their ids, silent on registered models that the actor may not see.

    A logged model is read by whoever sees one of the models registered from it; its tag names all of them.
    """
    tags = {model.pk: dict(model.tags) for model in models}
    named = {pk: _entries(said[REGISTERED_AS]) for pk, said in tags.items() if REGISTERED_AS in said}
    names = {str(entry.get("name")) for entries in named.values() for entry in entries}
    if not names or actor.holds(Permission.MODEL_READ_RESTRICTED):
        return tags
    secret = RegisteredModel.objects.live().filter(name__in=names, restricted=True)
    hidden = set(secret.exclude(pk__in=RegisteredModel.objects.visible_to(actor)).values_list("name", flat=True))
    for pk, entries in named.items():
        if hidden.intersection(str(entry.get("name")) for entry in entries):
            tags[pk][REGISTERED_AS] = json.dumps([entry for entry in entries if entry.get("name") not in hidden])
    return tags


def _entries(text: str) -> list[dict[str, object]]:
    """Return what the tag lists; nothing where it is not the client's."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [entry for entry in said if isinstance(entry, dict)] if isinstance(said, list) else []
