"""Finds what the caller may see and refuses what she may not change."""

from django.db.models import Exists, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import denied
from audit.record import Subject
from core import rows
from core.refusals import NotFound
from registry import doubts, reads
from registry.models import ModelVersion, RegisteredModel, RegisteredModelGroupPermission, RegisteredModelUserPermission

WRITE = "write_registeredmodel"


def model_subject(model: RegisteredModel) -> Subject:
    """Return `model` as the ledger names it."""
    return Subject("registered_model", str(model.uuid), model.name, model.uuid)


def version_subject(version: ModelVersion) -> Subject:
    """Return `version` as the ledger names it."""
    return Subject("model_version", f"{version.model.uuid}/{version.version}", str(version), version.model.uuid)


def visible_models(actor: Actor) -> QuerySet[RegisteredModel]:
    """Return the models the actor may read."""
    return RegisteredModel.objects.visible_to(actor)


def find_model(name: str, *, actor: Actor) -> RegisteredModel:
    """Return the live model `name`; raise NotFound where there is none or the actor may not see it."""
    model = RegisteredModel.objects.visible_to(actor).select_related("owner").filter(name=name).first()
    if model is None:
        raise NotFound(f"Registered Model with name={name} not found")
    return model


def find_version(name: str, number: int, *, actor: Actor) -> ModelVersion:
    """Return the live version; raise NotFound where there is none or the actor may not see its model."""
    found = ModelVersion.objects.visible_to(actor).select_related(
        "model__owner", "registered_by", "manifest", "card__edited_by", "card__reviewed_by"
    )
    rows = found.annotate(doubted=doubts.whether_model())
    version = rows.filter(model__name=name, version=number).first()
    if version is None:
        raise NotFound(f"Model Version (name={name}, version={number}) not found")
    return version


def named_model(name: str, *, actor: Actor) -> RegisteredModel:
    """Return what `find_model` does, the row alone: by one plain statement, for the calls that clients make all day."""
    where, who = reads.visible(actor)
    model = rows.find(RegisteredModel, f"name = %s AND deleted_at IS NULL AND {where}", [name, *who])
    if model is None:
        raise NotFound(f"Registered Model with name={name} not found")
    return model


def named_version(name: str, number: int, *, actor: Actor) -> ModelVersion:
    """Return what `find_version` does, the row and its model alone."""
    where, who = reads.visible(actor)
    model = rows.find(RegisteredModel, f"name = %s AND deleted_at IS NULL AND {where}", [name, *who])
    found = "model_id = %s AND version = %s AND deleted_at IS NULL"
    version = rows.find(ModelVersion, found, [model.pk, number]) if model else None
    if model is None or version is None:
        raise NotFound(f"Model Version (name={name}, version={number}) not found")
    version.model = model
    return version


def may(actor: Actor, permission: Permission, model: RegisteredModel) -> bool:
    """Whether `actor` holds `permission` on `model`: by role, or, for writing, as owner or by a grant."""
    if actor.holds(permission):
        return True
    if permission is not Permission.MODEL_WRITE or not actor.holds(Permission.MODEL_WRITE_OWN):
        return False
    return model.owner_id == (actor.user.pk if actor.user else None) or has_grant(actor, model)


def has_grant(actor: Actor, model: RegisteredModel) -> bool:
    """Whether a write right on `model` was given to the person or to one of her groups."""
    own = RegisteredModelUserPermission.objects.filter(
        content_object=model, user=actor.user, permission__codename=WRITE
    )
    team = RegisteredModelGroupPermission.objects.filter(
        content_object=model, group__user=actor.user, permission__codename=WRITE
    )
    return RegisteredModel.objects.filter(Exists(own) | Exists(team), pk=model.pk).exists()


def require(
    actor: Actor, permission: Permission, model: RegisteredModel, deed: str, *, about: Subject | None = None
) -> None:
    """Return where `actor` holds `permission` on `model`; raise Denied otherwise, naming who may and who owns it."""
    if may(actor, permission, model):
        return
    refusal = denied(actor, permission, deed, about=about or model_subject(model))
    if permission is Permission.MODEL_WRITE and actor.may_use(permission):
        refusal.next_step = f"Ask its owner, {model.owner.username}, for a grant, or an ML engineer to do it."
    raise refusal


def locked(model: RegisteredModel) -> RegisteredModel:
    """Return `model` read again under a row lock. Every write of a model or its versions takes this lock first."""
    row = rows.find(RegisteredModel, "id = %s AND deleted_at IS NULL", [model.pk], lock=True)
    if row is None:
        raise NotFound(f"Registered Model with name={model.name} not found")
    return row


def reread(version: ModelVersion, model: RegisteredModel) -> ModelVersion:
    """Return `version` as it stands now, under the lock of `model`; raise NotFound where it was deleted meanwhile."""
    row = rows.find(ModelVersion, "id = %s AND deleted_at IS NULL", [version.pk])
    if row is None:
        raise NotFound(f"Model Version (name={model.name}, version={version.version}) not found")
    row.model = model
    return row
