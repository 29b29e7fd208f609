"""Finds the bytes a registration's `source` points at, among what Signoff holds. Nothing is ever fetched."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from accounts.actors import Actor
from core.refusals import Invalid, NotFound
from registry import artifacts
from registry.artifacts import Place
from registry.models import LoggedModel, ModelVersion, RegisteredModel, Run

LOGGED_MODEL = re.compile(r"m-[0-9a-f]{32}\Z")


@dataclass(frozen=True)
class Found:
    """What a source leads to: a folder Signoff holds, a version to copy, or neither (unverified)."""

    source: str
    place: Place | None = None
    copied: ModelVersion | None = None
    run: Run | None = None


def resolve(source: str, *, run_id: str, model_id: str, actor: Actor) -> Found:
    """Return what `source` leads to. Raises Invalid for traversal, local and http sources, NotFound for unknown models.

    Another scheme (s3, gs, dbfs) is kept as it is and stays unverified.
    """
    if not source:
        raise Invalid("Missing value for required parameter 'source'", field="source")
    _refuse_traversal(source)
    scheme = urlsplit(source).scheme
    run = _run(run_id) if run_id else None
    if scheme == "models":
        return _from_models(source, model_id=model_id, run=run, actor=actor)
    if scheme == "runs":
        return _from_run(source, run)
    if scheme == "mlflow-artifacts":
        return _from_proxy(source, run, actor)
    if scheme in {"", "file", "http", "https"}:
        raise Invalid(
            f"Invalid model version source: '{source}'. Local paths and web addresses are not accepted; "
            "log the model to this server and register it from its run.",
            field="source",
        )
    return Found(source, run=run)


def _refuse_traversal(source: str) -> None:
    decoded = unquote(unquote(source))
    if "\0" in decoded or any(part == ".." for part in re.split(r"[/\\]", decoded)):
        raise Invalid(f"Invalid model version source: '{source}'. It must not contain '..'.", field="source")


def _run(run_id: str) -> Run | None:
    return Run.objects.filter(run_id=run_id).select_related("author").first()


def _from_models(source: str, *, model_id: str, run: Run | None, actor: Actor) -> Found:
    rest = source.removeprefix("models:").lstrip("/")
    if LOGGED_MODEL.match(rest):
        return _from_logged_model(source, rest, model_id, run)
    version = _named_version(rest, actor)
    return Found(f"models:/{version.model.name}/{version.version}", copied=version, run=run)


def _from_logged_model(source: str, found_id: str, model_id: str, run: Run | None) -> Found:
    if model_id and model_id != found_id:
        raise Invalid(f"Invalid model version source: '{source}' is not the model_id '{model_id}'.", field="source")
    logged = LoggedModel.objects.filter(model_id=found_id).select_related("source_run__author").first()
    if logged is None:
        return Found(source, run=run)  # logged to another tracking server: loadable there, unverified here
    return Found(source, Place(artifacts.logged_model_root(logged), ""), run=run or logged.source_run)


def _named_version(rest: str, actor: Actor) -> ModelVersion:
    visible = ModelVersion.objects.visible_to(actor).select_related("model", "manifest")
    name, at, alias = rest.rpartition("@")
    if at:
        version = visible.filter(model__name=name, aliases__name=alias).first()
    else:
        name, _, number = rest.rpartition("/")
        version = (
            visible.filter(model__name=name, version=int(number)).first()
            if number.isdigit() and len(number) < 10  # noqa: PLR2004 - fits 32 bits
            else None
        )
    if version is None:
        if not RegisteredModel.objects.visible_to(actor).filter(name=name).exists():
            raise NotFound(f"Registered Model with name={name} not found")
        raise NotFound(f"Model Version (name={name}, version={rest.rpartition('/')[2]}) not found")
    return version


def _from_run(source: str, run: Run | None) -> Found:
    found_id, _, path = source.removeprefix("runs:").lstrip("/").partition("/")
    target = _run(found_id)
    if target is None:
        return Found(source, run=run)
    return Found(source, Place(artifacts.run_root(target), path.strip("/")), run=run or target)


def _from_proxy(source: str, run: Run | None, actor: Actor) -> Found:
    place = artifacts.parse_place(unquote(urlsplit(source).path).strip("/"))
    if place.root.split("/")[0] == artifacts.FROZEN_ROOT:
        parts = place.whole.split("/")
        copied = (
            ModelVersion.objects.visible_to(actor).filter(model__uuid=parts[1], version=int(parts[2])).first()
            if len(parts) == 3  # noqa: PLR2004 - versions/UUID/NUMBER
            else None
        )
        return Found(source, copied=copied, run=run)
    return Found(source, place, run=run)
