"""registered-models/*: models, their tags and their aliases."""

from django.http import HttpResponseBase

from core.refusals import Invalid, NotFound
from registry import reads, registered, search, transitions
from registry.access import find_model, named_model, named_version
from registry.addresses import LATEST
from registry.models import ModelVersion, RegisteredModel
from registry.reads import VersionRead
from registry.requests import ApprovalRequired
from registry.stages import parse_stage
from web.mlflow import approvals, listing, render
from web.mlflow.model_versions import number_of
from web.mlflow.wire import Call, Json


def _asked(call: Call) -> RegisteredModel:
    return find_model(call.fields.need("name"), actor=call.actor)


def _shown(model: RegisteredModel) -> Json:
    return {"registered_model": render.registered_models([model])[0]}


def create(call: Call) -> Json:
    """Create a model owned by the caller."""
    fields = call.fields
    name = fields.need("name")
    return _shown(
        registered.create_model(name, actor=call.actor, description=fields.text("description"), tags=fields.tags())
    )


def get(call: Call) -> Json:
    """Return a model."""
    return _shown(_asked(call))


def update(call: Call) -> Json:
    """Set the description; a missing one clears it."""
    return _shown(registered.update_model(_asked(call), actor=call.actor, description=call.fields.text("description")))


def rename(call: Call) -> Json:
    """Give the model another name."""
    new_name = call.fields.need("new_name")
    return _shown(registered.rename_model(_asked(call), new_name, actor=call.actor))


def delete(call: Call) -> Json:
    """Delete the model and its versions."""
    registered.delete_model(_asked(call), actor=call.actor)
    return {}


def find(call: Call) -> Json:
    """Search models."""
    found = search.search_models(listing.asked(call.fields), actor=call.actor)
    return listing.paged("registered_models", render.registered_models(found.rows), found)


def latest_versions(call: Call) -> Json:
    """Return the highest version of each asked stage; no stages means all."""
    stages = [parse_stage(stage) for stage in call.fields.texts("stages")]
    rows = ModelVersion.objects.live().filter(model=_asked(call)).latest_by_stage()
    if stages:
        rows = rows.filter(stage__in=stages)
    return render.shape(
        model_versions=[
            render.model_version(row)
            for row in reads.versions_now(rows.order_by("version").values_list("pk", flat=True))
        ]
    )


def set_tag(call: Call) -> Json:
    """Set a tag."""
    key = call.fields.need("key")
    registered.set_model_tag(_asked(call), key, call.fields.text("value"), actor=call.actor)
    return {}


def delete_tag(call: Call) -> Json:
    """Remove a tag; an absent one is no error."""
    key = call.fields.need("key")
    registered.delete_model_tag(_asked(call), key, actor=call.actor)
    return {}


def set_alias(call: Call) -> Json | HttpResponseBase:
    """Point an alias at a version, or open the approval request that a protected one needs."""
    name, alias = call.fields.need("name"), call.fields.need("alias")
    version = named_version(name, number_of(call.fields), actor=call.actor)
    done = transitions.set_alias(version, alias, actor=call.actor)
    return approvals.needed(call.request, done) if isinstance(done, ApprovalRequired) else {}


def delete_alias(call: Call) -> Json:
    """Take an alias away; an absent one is no error."""
    alias = call.fields.need("alias")
    transitions.delete_alias(_asked(call), alias, actor=call.actor)
    return {}


def get_alias(call: Call) -> Json:
    """Return the version an alias points at; `latest` is the highest number."""
    alias, name = call.fields.need("alias"), call.fields.need("name")
    version = _latest(name, call) if alias.lower() == LATEST else reads.at_alias(name, alias, actor=call.actor)
    if version is None:
        named_model(name, actor=call.actor)  # where that is missing, it is what to say
        raise Invalid(f"Registered model alias {alias} not found.", field="alias")
    return {"model_version": render.model_version(version)}


def _latest(name: str, call: Call) -> VersionRead:
    newest = ModelVersion.objects.live().filter(model=find_model(name, actor=call.actor)).order_by("-version").first()
    if newest is None:
        raise NotFound(f"Latest version not found for model {name}.")
    return reads.version_now(newest)
