"""What a restricted model came from is kept from the same people as the model itself."""

from typing import TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from registry.models import LoggedModel, ModelVersion, RegisteredModel, Run

Traced = TypeVar("Traced", Run, LoggedModel)
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
