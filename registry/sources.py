"""Finds the bytes a registration's `source` points at, among what Signoff holds. Nothing is ever fetched."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from accounts.actors import Actor
from accounts.models import User
from core.refusals import Invalid, NotFound
from registry import artifacts
from registry.addresses import version_at
from registry.artifacts import Place
from registry.models import LoggedModel, ModelVersion, Run
from registry.restricted import hides, require_shown, shown

PROMPT_PLACEHOLDERS = frozenset({"dummy-source", "prompt-template"})
LOGGED_MODEL = re.compile(r"m-[0-9a-f]{32}\Z")


@dataclass(frozen=True)
class Found:
    """What a source leads to: a folder Signoff holds, a version to copy, or neither (unverified).

    `run` is the one that wrote the files where Signoff holds them, whatever run the caller names: its metrics become
    the evidence, and its author may not approve. Of what is not here, a caller's word is all there is.
    """

    source: str
    place: Place | None = None
    copied: ModelVersion | None = None
    run: Run | None = None
    logged: LoggedModel | None = None

    @property
    def author(self) -> User | None:
        """Whoever made the files, as far as known."""
        return self.run.author if self.run else self.logged.author if self.logged else None


def resolve(source: str, *, run_id: str, model_id: str, actor: Actor) -> Found:
    """Return what `source` leads to. Raises Invalid for traversal, local and http sources, NotFound for unknown models.

    Another scheme (s3, gs, dbfs) is kept as it is and stays unverified.
    """
    if not source:
        raise Invalid("Missing value for required parameter 'source'", field="source")
    _refuse_traversal(source)
    scheme = _scheme(source)
    run = shown(Run.objects.select_related("author"), actor=actor).filter(run_id=run_id).first() if run_id else None
    if scheme == "models":
        return _from_models(source, model_id=model_id, run=run, actor=actor)
    if scheme == "runs":
        return _from_run(source, run)
    if scheme == "mlflow-artifacts":
        return _from_proxy(source, run, actor)
    if scheme in {"", "file", "http", "https"} or len(scheme) == 1:  # one letter is a drive
        raise Invalid(
            f"Invalid model version source: '{source}'. Local paths and web addresses are not accepted; "
            "log the model to this server and register it from its run.",
            field="source",
        )
    return Found(source, run=run)


def require_seen(*, run_id: str, model_id: str, actor: Actor) -> None:
    """Refuse a run or logged model that is here and kept from the actor; one that is not here is the client's word."""
    if run_id and hides(Run.objects.filter(pk=run_id), actor=actor):
        raise NotFound(f"Run with id={run_id} not found")
    require_shown([model_id], actor=actor)


def require_named(source: str, *, run_id: str, model_id: str) -> None:
    """Refuse a source that lies in another run or logged model than the ones named: for models with strict sources."""
    scheme = _scheme(source)
    rest = unquote(urlsplit(source).path).strip("/").split("/")
    if scheme == "runs" and rest[0] != run_id:
        raise Invalid(f"This model takes strict sources: '{source}' needs the run_id of that run.", field="run_id")
    if scheme == "models" and LOGGED_MODEL.match(rest[0]) and rest[0] != model_id:
        raise Invalid(
            f"This model takes strict sources: '{source}' needs the model_id of that model.", field="model_id"
        )
    frozen = rest[0] == artifacts.FROZEN_ROOT
    if scheme == "mlflow-artifacts" and not frozen and not {run_id, model_id} - {""} & set(rest[1:3]):
        raise Invalid(
            f"This model takes strict sources: '{source}' must lie in the run or logged model that is named.",
            field="source",
        )


def _scheme(source: str) -> str:
    try:
        return urlsplit(source).scheme
    except ValueError as why:
        raise Invalid(f"Invalid model version source: '{source}'. It is no address.", field="source") from why


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
    version = version_at(rest, actor=actor)
    return Found(f"models:/{version.model.name}/{version.version}", copied=version, run=run)


def _from_logged_model(source: str, found_id: str, model_id: str, run: Run | None) -> Found:
    if model_id and model_id != found_id:
        raise Invalid(f"Invalid model version source: '{source}' is not the model_id '{model_id}'.", field="source")
    logged = _logged(found_id)
    if logged is None:
        return Found(source, run=run)  # logged to another tracking server: loadable there, unverified here
    return Found(source, Place(artifacts.logged_model_root(logged), ""), run=logged.source_run, logged=logged)


def _logged(model_id: str) -> LoggedModel | None:
    return LoggedModel.objects.filter(model_id=model_id).select_related("author", "source_run__author").first()


def _from_run(source: str, run: Run | None) -> Found:
    found_id, _, path = source.removeprefix("runs:").lstrip("/").partition("/")
    target = _run(found_id)
    if target is None:
        return Found(source, run=run)
    return Found(source, Place(artifacts.run_root(target), path.strip("/")), run=target)


def _from_proxy(source: str, run: Run | None, actor: Actor) -> Found:
    place = artifacts.parse_place(unquote(urlsplit(source).path).strip("/"))
    parts = place.root.split("/")
    if parts[0] == artifacts.FROZEN_ROOT:
        version, path = artifacts.frozen(place, actor)
        if path:
            raise Invalid(f"Invalid model version source: '{source}' is a part of {version}.", field="source")
        return Found(source, copied=version, run=run)
    _, middle, last = (*parts, "", "")[:3]
    if middle == "models":
        logged = _logged(last)
        return Found(source, place, run=logged.source_run if logged else run, logged=logged)
    return Found(source, place, run=_run(middle) or run)
