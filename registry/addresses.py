"""Registered versions by their address: `models:/NAME/3`, `/Staging`, `/latest` and `models:/NAME@alias`."""

from accounts.actors import Actor
from core.refusals import Invalid, NotFound
from registry.models import ModelVersion, RegisteredModel
from registry.models.versions import ModelVersionQuerySet
from registry.stages import parse_stage

LATEST = "latest"
DIGITS_MAX = 9  # fits 32 bits


def version_at(rest: str, *, actor: Actor) -> ModelVersion:
    """Return the version that `rest`, the address without `models:/`, names.

    Raises NotFound for a model, number or stage without one, Invalid with MLflow's sentences for an alias that is not
    there, a stage that is none and an address without either.
    """
    at, slash = rest.rfind("@"), rest.rfind("/")
    name, word = rest[: max(at, slash, 0)], rest[max(at, slash) + 1 :]
    if not name:
        raise Invalid(f"Invalid model version source: 'models:/{rest}'. It names no version.", field="source")
    versions = ModelVersion.objects.visible_to(actor).filter(model__name=name).select_related("model", "manifest")
    _require_model(name, actor)
    return _at_alias(versions, word) if at > slash else _at_word(versions, name, word)


def _require_model(name: str, actor: Actor) -> None:
    if not RegisteredModel.objects.visible_to(actor).filter(name=name).exists():
        raise NotFound(f"Registered Model with name={name} not found")


def _at_alias(versions: ModelVersionQuerySet, alias: str) -> ModelVersion:
    version = versions.filter(aliases__name=alias).first()
    if version is None:
        raise Invalid(f"Registered model alias {alias} not found.", field="alias")
    return version


def _at_word(versions: ModelVersionQuerySet, name: str, word: str) -> ModelVersion:
    """Return the version by its number, or the highest number of all or of a stage."""
    if word.isascii() and word.isdigit():
        version = versions.filter(version=int(word)).first() if len(word) <= DIGITS_MAX else None
        missing = f"Model Version (name={name}, version={word}) not found"
    elif word.lower() == LATEST:
        version, missing = versions.order_by("-version").first(), f"Latest version not found for model {name}."
    else:
        stage = parse_stage(word)
        version = versions.filter(stage=stage).order_by("-version").first()
        missing = f"No versions of model with name '{name}' and stage '{stage}' found"
    if version is None:
        raise NotFound(missing)
    return version
