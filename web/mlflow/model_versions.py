"""model-versions/*: versions, their tags, their stage and where their files are."""

from django.http import HttpResponseBase

from core.refusals import Invalid, NotFound
from registry import artifacts, reads, search, transitions, versions
from registry.access import named_model, named_version
from registry.models import ModelVersion
from registry.requests import ApprovalRequired
from registry.stages import parse_stage
from web.mlflow import approvals, listing, render
from web.mlflow.fields import Fields
from web.mlflow.wire import Call, Json

DIGITS_MAX = 18


def number_of(fields: Fields) -> int:
    """Return the version number, which comes as a string."""
    text = fields.need("version")
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit():
        raise Invalid(f"Parameter 'version' must be an integer, got '{text[:80]}'.", field="version")
    if len(digits) > DIGITS_MAX:
        raise NotFound(f"Model Version (name={fields.text('name')}, version={text[:40]}) not found")
    return int(text)


def _asked(call: Call) -> ModelVersion:
    return named_version(call.fields.need("name"), number_of(call.fields), actor=call.actor)


def _shown(version: ModelVersion) -> Json:
    return {"model_version": render.model_version(reads.version_now(version))}


def create(call: Call) -> Json:
    """Register a version."""
    fields = call.fields
    name = fields.need("name")
    asked = versions.Registration(
        source=fields.need("source"),
        run_id=fields.text("run_id"),
        model_id=fields.text("model_id"),
        run_link=fields.text("run_link"),
        description=fields.text("description"),
        tags=fields.tags(),
    )
    made = versions.register_version(named_model(name, actor=call.actor), asked, actor=call.actor)
    return {"model_version": render.model_version(reads.just_made(made, asked.tags))}


def get(call: Call) -> Json:
    """Return a version."""
    name, number = call.fields.need("name"), number_of(call.fields)
    version = reads.numbered(name, number, actor=call.actor)
    if version is None:
        raise NotFound(f"Model Version (name={name}, version={number}) not found")
    return {"model_version": render.model_version(version)}


def update(call: Call) -> Json:
    """Set the description; a missing one clears it."""
    return _shown(versions.update_version(_asked(call), description=call.fields.text("description"), actor=call.actor))


def delete(call: Call) -> Json:
    """Delete a version."""
    versions.delete_version(_asked(call), actor=call.actor)
    return {}


def find(call: Call) -> Json:
    """Search versions."""
    found = search.search_versions(listing.asked(call.fields), actor=call.actor)
    return listing.paged("model_versions", [render.model_version(row) for row in found.rows], found)


def download_uri(call: Call) -> Json:
    """Return where the files are: here, frozen, or at the source of a version whose files Signoff does not hold."""
    return {"artifact_uri": artifacts.version_uri(_asked(call))}


def transition_stage(call: Call) -> Json | HttpResponseBase:
    """Move a version to a stage, or open the approval request that the move needs."""
    fields = call.fields
    archive = fields.flag("archive_existing_versions")
    version = _asked(call)
    stage = parse_stage(fields.need("stage"))
    done = transitions.transition(version, to=stage, archive_existing=archive, actor=call.actor)
    return approvals.needed(call.request, done) if isinstance(done, ApprovalRequired) else _shown(done.version)


def set_tag(call: Call) -> Json:
    """Set a tag."""
    key = call.fields.need("key")
    versions.set_version_tag(_asked(call), key, call.fields.text("value"), actor=call.actor)
    return {}


def delete_tag(call: Call) -> Json:
    """Remove a tag; an absent one is no error."""
    key = call.fields.need("key")
    versions.delete_version_tag(_asked(call), key, actor=call.actor)
    return {}
