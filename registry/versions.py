"""Writes of model versions: register, describe, tag, annotate, delete."""

from dataclasses import dataclass, field

from django.db import transaction

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from audit.record import Change, Subject, record
from core import clock, hints, rows
from core.refusals import Conflict, Invalid
from core.words import written
from registry import (
    access,
    artifacts,
    evidence,
    frozen,
    listed_files,
    manifests,
    names,
    numbering,
    requests,
    semver,
    sources,
)
from registry.models import (
    Alias,
    Annotation,
    LoggedModel,
    Manifest,
    ModelVersion,
    RegisteredModel,
    Run,
    VersionTag,
    VersionValue,
)
from registry.origins import Origin
from registry.registered import refuse_protected

TITLE_MAX, BODY_MAX = 120, 20_000
LIMITS = {"source": 2000, "run_id": 64, "model_id": 64, "run_link": 500}


@dataclass(frozen=True)
class Registration:
    """What a client sends to register a version; `origin` is set by an import."""

    source: str
    run_id: str = ""
    model_id: str = ""
    run_link: str = ""
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    origin: Origin | None = None


def register_version(model: RegisteredModel, asked: Registration, *, actor: Actor) -> ModelVersion:
    """Register the next version of `model`: number, frozen files and evidence in one transaction.

    A source whose bytes are not here is registered unverified. Raises Invalid for a source that is refused,
    NotFound for one the actor may not read.
    """
    access.require(actor, Permission.MODEL_WRITE, model, f"register versions of {model.name}")
    _check(asked)
    found = _found(asked, actor, strict=model.strict_sources)
    number = "" if found.copied else asked.tags.get(names.SEMVER_TAG, "")  # a copy is a version of its own
    if number:
        semver.check(number)
    with transaction.atomic():
        row = access.locked(model)
        numbering.refuse_taken(row, number)
        version = _insert(row, asked, found, actor, (_number_of(row, asked.origin), number))
        for key, value in asked.tags.items():
            if key == names.SEMVER_TAG:
                continue
            rows.insert(VersionTag(version=version, key=key, value=value))
        if version.run_id:
            VersionValue.objects.bulk_create(evidence.values(version))
        row.next_version = max(row.next_version, version.version + 1)
        row.updated_at = max(row.updated_at, version.created_at)
        rows.update(row, "next_version", "updated_at")
        facts: dict[str, object] = {"source": version.source, "run_id": version.run_id, "verified": version.verified}
        facts["author"] = version.run_author_id
        facts["frozen"] = frozen.frozen({name: getattr(version, name) for name in frozen.COLUMNS})
        facts |= asked.origin.as_facts if asked.origin else {}
        after: dict[str, object] = {
            "version": version.version,
            "manifest": version.manifest and version.manifest.digest,
            "description": version.description,
            "tags": asked.tags,
        }
        if number:
            after["semver"] = number
        record(
            "version.registered", access.version_subject(version), actor=actor, change=Change(after=after, facts=facts)
        )
        if version.manifest:
            hints.hint(hints.LOCK_ENVIRONMENTS)
    return version


def _number_of(model: RegisteredModel, origin: Origin | None) -> int:
    """Return the next number, or the one it had elsewhere: numbers skipped there stay unused here, and wait for theirs.

    Raises Conflict where a version, deleted or not, has it.
    """
    if not origin or not origin.number:
        return model.next_version
    if origin.number < model.next_version and ModelVersion.objects.filter(model=model, version=origin.number).exists():
        raise Conflict(f"{model.name} version {origin.number} was used here already.")
    return origin.number


def _check(asked: Registration) -> None:
    for name, limit in LIMITS.items():
        if len(getattr(asked, name)) > limit:
            raise Invalid(f"{name} is over {limit} characters.", field=name)
    for key, value in asked.tags.items():
        names.check_tag(key, value)


def _found(asked: Registration, actor: Actor, *, strict: bool) -> sources.Found:
    """Return what the source leads to, all of it the actor's to read.

    A prompt has no files: its text is a tag, and its source a word that stands for nothing.
    """
    if asked.tags.get(names.PROMPT_TAG, "").lower() == "true":
        if asked.source not in sources.PROMPT_PLACEHOLDERS and not asked.origin:
            listed = " or ".join(f"'{one}'" for one in sorted(sources.PROMPT_PLACEHOLDERS))
            raise Invalid(f"Prompt sources must use an MLflow placeholder: {listed}.", field="source")
        return sources.Found(asked.source)
    if strict:
        sources.require_named(asked.source, run_id=asked.run_id, model_id=asked.model_id)
    found = sources.resolve(asked.source, run_id=asked.run_id, model_id=asked.model_id, actor=actor)
    if found.place:
        artifacts.require_readable(found.place, actor)
    if not found.copied:
        sources.require_seen(run_id=asked.run_id, model_id=asked.model_id, actor=actor)
    return found


def _author(asked: Registration, found: sources.Found, actor: Actor) -> User | None:
    """Return whoever trained it: never whoever imports, where the other server's word counts."""
    if asked.origin and found.author in {None, actor.user}:
        return asked.origin.author
    return found.author


def _insert(
    model: RegisteredModel, asked: Registration, found: sources.Found, actor: Actor, numbers: tuple[int, str]
) -> ModelVersion:
    """Insert the version; `numbers` are its number and its semantic one."""
    created, updated = asked.origin.moments if asked.origin else (clock.now(),) * 2
    version = ModelVersion(
        model=model,
        version=numbers[0],
        semver=numbers[1],
        source=found.source,
        run_id=found.run.run_id if found.run else _told(asked.run_id, found, Run),
        run_link=asked.run_link,
        logged_model_id=found.logged.model_id if found.logged else _told(asked.model_id, found, LoggedModel),
        description=asked.description,
        registered_by=actor.person,
        run_author=_author(asked, found, actor),
        created_at=created,
        updated_at=updated,
        evidence=evidence.capture(found.run),
    )
    if found.copied:
        _copy_from(version, found.copied)
    elif found.place and (manifest := manifests.freeze(found.place)):
        _take_manifest(version, manifest)
        version.frozen_root, version.frozen_path = found.place.root, found.place.path
    rows.insert(version)
    return version


def _told(key: str, found: sources.Found, kind: type[Run | LoggedModel]) -> str:
    """Return what the caller says it came from; not where files that are here came from elsewhere than a row here."""
    return "" if key and found.place and kind._default_manager.filter(pk=key).exists() else key


def _take_manifest(version: ModelVersion, manifest: Manifest) -> None:
    said, environment = manifests.described(manifest)
    version.manifest = manifest
    version.framework = said.framework
    version.signature = said.signature
    version.environment = environment


def _copy_from(version: ModelVersion, origin: ModelVersion) -> None:
    """A copy has the same bytes and evidence, and an identity of its own: no stage, alias or approval comes along.

    Raises NotAsSigned where the list of the origin's files is not the one that was signed.
    """
    if origin.manifest:
        listed_files.files_of(origin.manifest)
    for name in (
        "manifest",
        "framework",
        "signature",
        "environment",
        "evidence",
        "run_author",
        "run_id",
        "logged_model_id",
    ):
        setattr(version, name, getattr(origin, name))
    version.location = "" if origin.verified else origin.location or origin.source


def update_version(version: ModelVersion, *, description: str, actor: Actor) -> ModelVersion:
    """Set the description."""
    access.require(
        actor, Permission.MODEL_WRITE, version.model, f"describe {version}", about=access.version_subject(version)
    )
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        if row.description != description:
            change = Change({"description": row.description}, {"description": description})
            row.description, row.updated_at = description, clock.now()
            row.save(update_fields=["description", "updated_at"])
            record("version.updated", access.version_subject(row), actor=actor, change=change)
    return row


def set_version_tag(version: ModelVersion, key: str, value: str, *, actor: Actor) -> None:
    """Set a tag, replacing its earlier value. The tag `signoff.semver` is the version's semantic number."""
    if key == names.SEMVER_TAG:
        numbering.set_semver(version, semver.check(value), actor=actor)
        return
    access.require(
        actor, Permission.MODEL_WRITE, version.model, f"tag {version}", about=access.version_subject(version)
    )
    names.check_tag(key, value)
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        old = VersionTag.objects.filter(version=row, key=key).values_list("value", flat=True).first()
        if old == value:
            return
        VersionTag.objects.update_or_create(version=row, key=key, defaults={"value": value})
        change = Change({key: old} if old is not None else {}, {key: value})
        record("version.tag.set", access.version_subject(row), actor=actor, change=change)


def delete_version_tag(version: ModelVersion, key: str, *, actor: Actor) -> None:
    """Remove a tag; an absent one is no error."""
    if key == names.SEMVER_TAG:
        numbering.set_semver(version, "", actor=actor)
        return
    access.require(
        actor, Permission.MODEL_WRITE, version.model, f"untag {version}", about=access.version_subject(version)
    )
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        tag = VersionTag.objects.filter(version=row, key=key).first()
        if tag is None:
            names.check_tag(key, "")
        else:
            tag.delete()
            record(
                "version.tag.deleted", access.version_subject(row), actor=actor, change=Change(before={key: tag.value})
            )


def annotate(version: ModelVersion, *, title: str, body: str, actor: Actor) -> Annotation:
    """Add documentation to the version. Annotations are never changed, only added to."""
    access.require(
        actor, Permission.MODEL_WRITE, version.model, f"annotate {version}", about=access.version_subject(version)
    )
    if not title.strip() or len(title) > TITLE_MAX:
        raise Invalid(
            f"An annotation has a title of at most {TITLE_MAX} characters, such as Training data.", field="title"
        )
    if not written(body) or len(body) > BODY_MAX:
        raise Invalid(f"An annotation has a text of at most {BODY_MAX} characters.", field="body")
    with transaction.atomic():
        row = access.reread(version, access.locked(version.model))
        note = Annotation.objects.create(version=row, title=title.strip(), body=written(body), author=actor.person)
        record(
            "version.annotated",
            access.version_subject(row),
            actor=actor,
            change=Change(after={"title": note.title, "body": note.body}),
        )
    return note


def delete_version(version: ModelVersion, *, actor: Actor) -> None:
    """Delete the version and its aliases; its number is never used again and its history stays.

    Raises Conflict while it is in Production, holds a protected alias or is being decided on.
    """
    about: Subject = access.version_subject(version)
    access.require(actor, Permission.MODEL_WRITE, version.model, f"delete {version}", about=about)
    with transaction.atomic():
        model = access.locked(version.model)
        row = access.reread(version, model)
        refuse_protected(row)
        aliases = list(row.aliases.values_list("name", flat=True))
        Alias.objects.filter(version=row).delete()
        row.deleted_at = model.updated_at = clock.now()
        row.save(update_fields=["deleted_at"])
        model.save(update_fields=["updated_at"])
        record("version.deleted", about, actor=actor, change=Change(before={"stage": row.stage, "aliases": aliases}))
        requests.end_stale(model)
