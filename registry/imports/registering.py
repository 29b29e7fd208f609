"""Copies registered models and their versions. A stage or alias that needs a signature here is not taken over."""

import re
from collections.abc import Callable, Iterable
from operator import itemgetter

from core.refusals import Conflict, Invalid, Refusal
from registry import access, registered, transitions, versions
from registry.imports.files import API
from registry.imports.job import Job, pairs, together
from registry.imports.report import Facts
from registry.imports.source import PAGE, Json, Unreachable
from registry.models import Imported, ModelVersion, RegisteredModel
from registry.names import PROMPT_TAG, check_model_name, check_tag
from registry.origins import Origin
from registry.policy import AliasMove, StageMove, requirement
from registry.requests import ApprovalRequired
from registry.stages import Stage, parse_stage
from registry.transitions import Transitioned
from registry.versions import Registration

LOGGED = re.compile(r"(?:^models:/|/models/)(m-[0-9a-f]{32})(?:/artifacts)?/?\Z")
FROZEN = re.compile(r"mlflow-artifacts:/versions/")
DIRECT = re.compile(r"(?:mlflow-artifacts:|/)")


def listed_models(job: Job) -> list[Json]:
    """Return the registered models there, prompts too."""
    path = f"{API}/registered-models/search"
    found = list(job.source.pages("registered_models", path, max_results=PAGE))
    asked = f"tags.`{PROMPT_TAG}` = 'true'"
    return found + list(job.source.pages("registered_models", path, max_results=PAGE, filter=asked))


def copy_model(job: Job, said: Json) -> None:
    """Copy a registered model, without its versions."""
    name = str(said["name"])
    facts: Facts = {"description": str(said.get("description") or ""), "tags": pairs(said.get("tags"))}
    if row := job.known("model", name):
        model = RegisteredModel.objects.live().filter(uuid=row.here).first()
        return job.compare(row, facts, _model_here(model) if model else None)
    _check_name(name)
    tags = job.fitting(f"model {name}", facts["tags"], check_tag)
    with together():
        made = registered.create_model(
            name, actor=job.actor, description=facts["description"], tags=tags, origin=_origin(job, said)
        )
        row = job.copied("model", name, str(made.uuid))
    return job.finish(row, facts, _model_here(made))


def _check_name(name: str) -> None:
    try:
        check_model_name(name)
    except Invalid as why:
        raise Invalid(why.message, next_step="Rename it there, and import again.") from why


def _model_here(model: RegisteredModel) -> Facts:
    return {"description": model.description, "tags": dict(model.tags.values_list("key", "value"))}


def listed_versions(job: Job, models: Iterable[Json]) -> list[Json]:
    """Return the versions of these models there, in an order in which they may have been made."""
    found: list[Json] = []
    for model in models:
        asked = "name = '{}'".format(str(model["name"]).replace("'", "\\'"))
        path = f"{API}/model-versions/search"
        if pairs(model.get("tags")).get(PROMPT_TAG) == "true":
            asked += f" AND tags.`{PROMPT_TAG}` = 'true'"
        aliases: dict[str, list[str]] = {}
        for alias in model.get("aliases") or ():
            aliases.setdefault(str(alias["version"]), []).append(str(alias["alias"]))
        rows = job.source.pages("model_versions", path, max_results=PAGE, filter=asked)
        found += [{**one, "aliases": sorted(aliases.get(str(one["version"]), []))} for one in rows]
    return in_order(found)


def in_order(versions: Iterable[Json]) -> list[Json]:
    """Return the versions of each model by number, and a copy after what it is a copy of, as their moments tell."""
    reached: dict[str, tuple[int, bool]] = {}
    placed = []
    for one in sorted(versions, key=lambda one: (one["name"], int(one["version"]))):
        moment = int(one.get("creation_timestamp") or 0), _is_copy(str(one.get("source") or ""))
        reached[one["name"]] = max(reached.get(one["name"], moment), moment)
        placed.append((reached[one["name"]], one))
    return [one for _, one in sorted(placed, key=itemgetter(0))]


def _is_copy(source: str) -> bool:
    return source.startswith("models:/") and not LOGGED.search(source)


def copy_version(job: Job, said: Json) -> None:
    """Copy a version under its number, frozen and with its evidence like any other, then its stage and aliases."""
    there = f"{said['name']}/{said['version']}"
    facts = version_facts(said)
    row = job.known("version", there)
    if row is None:
        row = _register(job, there, said, facts)
    found = ModelVersion.objects.live().select_related("model__owner").filter(pk=row.here).first()
    if row.done or found is None:
        return job.compare(row, facts, _version_here(found) if found else None)
    with together():
        held = access.locked(found.model).updated_at
        _stand(job, found, facts)
        ModelVersion.objects.filter(pk=found.pk).update(updated_at=_origin(job, said).moments[1])
        RegisteredModel.objects.filter(pk=found.model_id).update(
            updated_at=held
        )  # where it stands is no change of today
    found.refresh_from_db()
    return job.finish(row, facts, _version_here(found))


def version_facts(said: Json) -> Facts:
    """Return what is compared of a version."""
    return {
        "description": str(said.get("description") or ""),
        "tags": pairs(said.get("tags")),
        "stage": str(parse_stage(str(said.get("current_stage") or "None"))),
        "aliases": list(said.get("aliases") or ()),
    }


def _version_here(version: ModelVersion) -> Facts:
    return {
        "description": version.description,
        "tags": dict(version.tags.values_list("key", "value")),
        "stage": version.stage,
        "aliases": sorted(version.aliases.values_list("name", flat=True)),
    }


def _register(job: Job, there: str, said: Json, facts: Facts) -> Imported:
    name, number = str(said["name"]), int(said["version"])
    uuid = job.here("model", name)
    model = RegisteredModel.objects.live().filter(uuid=uuid).first() if uuid else None
    if model is None:
        raise Conflict(f"The model {name} here was not imported from there, or is deleted.")
    placed = _placed(job, said)
    asked = Registration(
        source=_source(job, placed),
        run_id=str(said.get("run_id") or ""),
        model_id=_model_id(placed),
        run_link=str(said.get("run_link") or ""),
        description=facts["description"],
        tags=job.fitting(f"version {there}", facts["tags"], check_tag),
        origin=_origin(job, said, number=number),
    )
    with together():
        made = versions.register_version(model, asked, actor=job.actor)
        return job.copied("version", there, str(made.pk))


def _model_id(said: Json) -> str:
    found = LOGGED.search(str(said.get("source") or ""))
    return str(said.get("model_id") or (found[1] if found else ""))


def _placed(job: Job, said: Json) -> Json:
    """Return what was said of a version, a copy's source replaced by its files' place where that is no copy of it here.

    The name in a copy's source may since have been given up there, or be another model's.
    """
    source = str(said.get("source") or "")
    if not _is_copy(source) or pairs(said.get("tags")).get(PROMPT_TAG) == "true":
        return said
    number = job.here("version", source.removeprefix("models:/"))
    original = ModelVersion.objects.live().select_related("model").filter(pk=number or 0).first()
    if original and original.run_id == str(said.get("run_id") or original.run_id):
        return {**said, "source": f"models:/{original.model.name}/{original.version}"}
    named = {"name": str(said["name"]), "version": str(said["version"])}
    place = str(job.source.get(f"{API}/model-versions/get-download-uri", **named).get("artifact_uri") or source)
    if FROZEN.match(place) and (twin := _twin(job, said)):
        place = f"models:/{twin.model.name}/{twin.version}"
    return {**said, "source": place}


def _twin(job: Job, said: Json) -> ModelVersion | None:
    """Return the version here of the same run whose files have the digest that another Signoff tells of this one's."""
    try:
        told = job.source.get(f"api/v1/models/{said['name']}/versions/{said['version']}")
    except Unreachable:
        return None
    rows = ModelVersion.objects.visible_to(job.actor).select_related("model").order_by("created_at", "pk")
    return rows.filter(manifest__digest=str(told.get("manifest")), run_id=str(said.get("run_id") or "")).first()


def _source(job: Job, said: Json) -> str:
    """Return where the files are here; raise Conflict while they are not here whole."""
    source, run_id, model_id = str(said.get("source") or ""), str(said.get("run_id") or ""), _model_id(said)
    if _is_copy(source) or pairs(said.get("tags")).get(PROMPT_TAG) == "true":
        return source
    if model_id and job.row("logged model", model_id):
        return _whole(job, "logged model", model_id, f"models:/{model_id}")
    marker = f"{run_id}/artifacts"
    if run_id and job.row("run", run_id) and (source.startswith(f"runs:/{run_id}") or marker in source):
        path = source.removeprefix(f"runs:/{run_id}") if source.startswith("runs:") else source.partition(marker)[2]
        return _whole(job, "run", run_id, f"runs:/{run_id}/{path.strip('/')}".rstrip("/"))
    if DIRECT.match(source):
        return f"imported:{source}"  # nothing here has those files: registered, and unverified
    return source


def _whole(job: Job, kind: str, there: str, source: str) -> str:
    if not job.here(kind, there):
        raise Conflict(f"The files of its {kind} {there} are not here whole.")
    return source


def _origin(job: Job, said: Json, *, number: int = 0) -> Origin:
    facts: dict[str, object] = {"from": job.source.uri}
    for name in ("creation_timestamp", "last_updated_timestamp", "user_id", "current_stage", "source", "status"):
        if said.get(name):
            facts[name] = said[name]
    created = int(said.get("creation_timestamp") or 0)
    author = job.person_of(str(said.get("user_id") or ""))
    return Origin(created, int(said.get("last_updated_timestamp") or created), facts, number, author)


# ── Stage and aliases ────────────────────────────────────────────────────────────────────────────────────────────


def _stand(job: Job, version: ModelVersion, facts: Facts) -> None:
    """Move the version where it stood there, as far as nobody has to sign for it."""
    comment = f"imported from {job.source.uri}"
    move = StageMove(Stage(version.stage), Stage(facts["stage"]))
    if facts["stage"] != version.stage and (job.ask or not requirement(move, version.model).approvals):
        _kept(job, lambda: transitions.transition(version, to=move.to_stage, actor=job.actor, comment=comment))
    for alias in facts["aliases"]:
        if job.ask or not requirement(AliasMove(alias), version.model).approvals:
            _kept(job, lambda alias=alias: transitions.set_alias(version, alias, actor=job.actor, comment=comment))  # type: ignore[misc]


def _kept(job: Job, deed: Callable[[], Transitioned | ApprovalRequired]) -> None:
    """Do it; a refusal leaves the version as it is, and shows as a difference."""
    try:
        done = deed()
    except Refusal as why:
        job.report.failures.append(why.sentence)
        return
    if isinstance(done, ApprovalRequired):
        job.report.requests.append(done.request.pk)
