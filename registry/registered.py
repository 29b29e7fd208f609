"""Writes of registered models: create, describe, rename, tag, restrict, delete."""

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require as require_role
from audit.record import Change, Subject, record
from core import clock
from core.refusals import AlreadyExists, Conflict, Invalid
from registry import access, data_policy, names, outcome_values, requests
from registry.models import Alias, ApprovalRequest, MetricThreshold, ModelTag, ModelVersion, RegisteredModel
from registry.models.registered import RiskTier
from registry.origins import Origin
from registry.policies.escape import refuse_escape
from registry.stages import Stage

CHECKED = {data_policy.FIELD: data_policy.checked, outcome_values.FIELD: outcome_values.checked}
EDITABLE = frozenset({"description", "risk_tier", "restricted", "strict_sources", *CHECKED})


def create_model(
    name: str,
    *,
    actor: Actor,
    description: str = "",
    tags: dict[str, str] | None = None,
    origin: Origin | None = None,
) -> RegisteredModel:
    """Create a model owned by `actor`. Raises Invalid for name or tags, AlreadyExists where a live one has the name."""
    if RegisteredModel.objects.visible_to(actor).filter(name=name).exists():
        raise AlreadyExists(f"Registered Model (name={name}) already exists.")  # clients create first, and go on
    about = Subject("registered_model", "", name)
    require_role(actor, Permission.MODEL_CREATE, "create registered models", about=about)
    names.check_model_name(name)
    for key, value in (tags or {}).items():
        names.check_tag(key, value)
    try:
        with transaction.atomic():
            created, updated = origin.moments if origin else (clock.now(),) * 2
            model = RegisteredModel.objects.create(
                name=name, owner=actor.person, description=description, created_at=created, updated_at=updated
            )
            ModelTag.objects.bulk_create(
                ModelTag(model=model, key=key, value=value) for key, value in (tags or {}).items()
            )
            facts = origin.as_facts if origin else {}
            change = Change(after={"description": description, "tags": tags or {}}, facts=facts)
            record("model.created", access.model_subject(model), actor=actor, change=change)
    except IntegrityError as why:
        raise AlreadyExists(f"Registered Model (name={name}) already exists.") from why
    return model


def update_model(model: RegisteredModel, *, actor: Actor, **fields: object) -> RegisteredModel:
    """Set some of the fields that are EDITABLE; what stays makes no event.

    Whoever sets limits sets the tier too; an owner lowers it only where the same policies hold for it then.
    """
    if set(fields) != {"risk_tier"} or not actor.holds(Permission.THRESHOLD_SET):
        access.require(actor, Permission.MODEL_WRITE, model, f"change the model {model.name}")
    if unknown := set(fields) - EDITABLE:
        raise Invalid(f"{min(unknown)} cannot be changed.", field=min(unknown))
    if "risk_tier" in fields and fields["risk_tier"] not in RiskTier.values:
        raise Invalid(f"The risk tier is one of {', '.join(RiskTier.values)}.", field="risk_tier")
    for name in fields.keys() & CHECKED.keys():
        fields[name] = CHECKED[name](fields[name])
    with transaction.atomic():
        row = access.locked(model)
        before = {name: getattr(row, name) for name in fields if getattr(row, name) != fields[name]}
        if "risk_tier" in before:
            refuse_escape(row, name=row.name, risk_tier=str(fields["risk_tier"]), actor=actor)
        if before:
            for name in before:
                setattr(row, name, fields[name])
            row.updated_at = clock.now()
            row.save(update_fields=[*before, "updated_at"])
            change = Change(before=before, after={name: fields[name] for name in before})
            record("model.updated", access.model_subject(row), actor=actor, change=change)
            requests.end_stale(row)
    return row


def rename_model(model: RegisteredModel, new_name: str, *, actor: Actor) -> RegisteredModel:
    """Give the model another name; versions, tags and aliases follow. The same name changes nothing.

    Refused while a version is protected: whoever moves a name moves what `models:/NAME@champion` loads.
    """
    access.require(actor, Permission.MODEL_WRITE, model, f"rename the model {model.name}")
    names.check_model_name(new_name)
    try:
        with transaction.atomic():
            row = access.locked(model)
            if row.name == new_name:
                return row
            refuse_protected_model(row, "renamed: callers load it by its name")
            refuse_escape(row, name=new_name, risk_tier=row.risk_tier, actor=actor)
            old, row.name, row.updated_at = row.name, new_name, clock.now()
            row.save(update_fields=["name", "updated_at"])
            ModelVersion.objects.live().filter(model=row).update(updated_at=row.updated_at)  # as MLflow does
            record(
                "model.renamed",
                access.model_subject(row),
                actor=actor,
                change=Change({"name": old}, {"name": new_name}),
            )
            requests.end_stale(row)
    except IntegrityError as why:
        raise AlreadyExists(f"Registered Model (name={new_name}) already exists.") from why
    return row


def delete_model(model: RegisteredModel, *, actor: Actor) -> None:
    """Delete the model and its versions; its history stays. Refused while a version is protected (`delete_version`)."""
    access.require(actor, Permission.MODEL_WRITE, model, f"delete the model {model.name}")
    with transaction.atomic():
        row = access.locked(model)
        refuse_protected_model(row, "deleted")
        moment = clock.now()
        numbers = list(ModelVersion.objects.live().filter(model=row).values_list("version", flat=True))
        ModelVersion.objects.live().filter(model=row).update(deleted_at=moment)
        Alias.objects.filter(model=row).delete()
        row.deleted_at = row.updated_at = moment
        row.save(update_fields=["deleted_at", "updated_at"])
        record("model.deleted", access.model_subject(row), actor=actor, change=Change(before={"versions": numbers}))
        requests.end_stale(row)


def refuse_protected_model(model: RegisteredModel, deed: str) -> None:
    """Raise Conflict where a version of `model` is protected, in words that say what cannot be done to the model."""
    for version in ModelVersion.objects.live().filter(model=model).order_by("version"):
        if why := _protected(version):
            words = f"{model.name} cannot be {deed}. Version {version.version} is {why[0]}."
            raise Conflict(words, next_step=why[1])


def refuse_protected(version: ModelVersion) -> None:
    """Raise Conflict where `version` is live or being decided on, so deleting it would hide what people rely on."""
    if why := _protected(version):
        raise Conflict(f"{version} is {why[0]}, so it cannot be deleted.", next_step=why[1])


def _protected(version: ModelVersion) -> tuple[str, str] | None:
    """Return what the version is that protects it, and what frees it; None where nothing does."""
    if not settings.APPROVALS:
        return None
    if version.stage == Stage.PRODUCTION:
        return "in Production", "Move it to Archived first; that needs Ops."
    for alias in filter(lambda held: version.model.protects(held.name), version.aliases.all()):
        return f"@{alias.name}", "Point the alias at another version first."
    if held := version.holds.first():
        return f"held by {held.label}", "It is free once nothing serves it."
    if waiting := ApprovalRequest.objects.pending().filter(version=version).first():
        return f"the subject of approval request #{waiting.pk}", "Withdraw the request first."
    return None


def set_model_tag(model: RegisteredModel, key: str, value: str, *, actor: Actor) -> None:
    """Set a tag, replacing its earlier value."""
    access.require(actor, Permission.MODEL_WRITE, model, f"tag the model {model.name}")
    names.check_tag(key, value)
    with transaction.atomic():
        row = access.locked(model)
        old = ModelTag.objects.filter(model=row, key=key).values_list("value", flat=True).first()
        if old == value:
            return
        ModelTag.objects.update_or_create(model=row, key=key, defaults={"value": value})
        record(
            "model.tag.set",
            access.model_subject(row),
            actor=actor,
            change=Change({key: old} if old is not None else {}, {key: value}),
        )


def delete_model_tag(model: RegisteredModel, key: str, *, actor: Actor) -> None:
    """Remove a tag; an absent one is no error."""
    access.require(actor, Permission.MODEL_WRITE, model, f"untag the model {model.name}")
    with transaction.atomic():
        row = access.locked(model)
        tag = ModelTag.objects.filter(model=row, key=key).first()
        if tag is None:
            names.check_tag(key, "")
        else:
            tag.delete()
            record("model.tag.deleted", access.model_subject(row), actor=actor, change=Change(before={key: tag.value}))


def set_threshold(
    model: RegisteredModel, *, metric: str, comparison: str, value: float, actor: Actor, required: bool = True
) -> MetricThreshold:
    """Ask that `metric` compares so with `value` before a version goes to Production.

    Requests asked for under other thresholds end: they show the checks they had. Asking for what is asked already
    changes nothing.
    """
    require_role(actor, Permission.THRESHOLD_SET, f"set thresholds on {model.name}", about=access.model_subject(model))
    if not metric.strip():
        raise Invalid("Name the metric, such as validation_accuracy.", field="metric")
    if comparison not in MetricThreshold.Comparison.values:
        raise Invalid(f"The comparison is one of {' '.join(MetricThreshold.Comparison.values)}.", field="comparison")
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is the one number unequal to itself
        raise Invalid("The threshold must be a finite number.", field="value")
    with transaction.atomic():
        row = access.locked(model)
        old = MetricThreshold.objects.filter(model=row, metric=metric, comparison=comparison).first()
        if old and (old.value, old.required) == (value, required):
            return old
        before = {"threshold": str(old), "required": old.required} if old else {}
        threshold, _ = MetricThreshold.objects.update_or_create(
            model=row, metric=metric, comparison=comparison, defaults={"value": value, "required": required}
        )
        change = Change(before=before, after={"threshold": str(threshold), "required": required})
        record("model.threshold.set", access.model_subject(row), actor=actor, change=change)
        requests.end_stale(row)
    return threshold


def delete_threshold(model: RegisteredModel, threshold_id: int, *, actor: Actor) -> None:
    """Drop a threshold; an absent one is no error."""
    require_role(
        actor, Permission.THRESHOLD_SET, f"delete thresholds of {model.name}", about=access.model_subject(model)
    )
    with transaction.atomic():
        row = access.locked(model)
        threshold = MetricThreshold.objects.filter(model=row, pk=threshold_id).first()
        if threshold:
            threshold.delete()
            change = Change(before={"threshold": str(threshold)})
            record("model.threshold.deleted", access.model_subject(row), actor=actor, change=change)
            requests.end_stale(row)
