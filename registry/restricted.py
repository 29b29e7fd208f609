"""What a restricted model came from is kept from the same people as the model itself."""

import json
from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from registry.models import LoggedModel, ModelVersion, RegisteredModel, Run

Traced = TypeVar("Traced", Run, LoggedModel)
REGISTERED_AS = "mlflow.modelVersions"  # MLflow's client writes there what it registered, by name and number
COLUMNS: dict[type, str] = {Run: "run_id", LoggedModel: "logged_model_id"}


def shown(rows: QuerySet[Traced], *, actor: Actor) -> QuerySet[Traced]:
    """Return the runs or logged models the actor may read: her own, and those no restricted model was made from.

    One that only models she cannot see were registered from is as if it were not there.
    """
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        return rows
    made = ModelVersion.objects.live().filter(**{COLUMNS[rows.model]: OuterRef("pk")})
    kept = made.filter(model__restricted=True).exclude(model__in=RegisteredModel.objects.visible_to(actor))
    return rows.filter(Q(author=actor.user) | ~Exists(kept) | Exists(made.visible_to(actor)))


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
