"""logged-models/*: the model folders that runs of MLflow 3 write."""

from registry import artifacts, logged_models
from registry.experiments import find_experiment
from registry.logged_models import Dataset, Ordered
from registry.models import LoggedModel
from registry.runs import find_run
from registry.search import Asked
from web.mlflow import listing, render
from web.mlflow.artifacts import listed
from web.mlflow.fields import Fields, missing
from web.mlflow.wire import Call, Json


def _asked(call: Call) -> LoggedModel:
    return logged_models.find_logged_model(call.fields.need("model_id"), actor=call.actor)


def _shown(model: LoggedModel, call: Call) -> Json:
    return {"model": render.logged_models([model], call.actor)[0]}


def create(call: Call) -> Json:
    """Create a logged model that waits for its files."""
    fields = call.fields
    run_id = fields.text("source_run_id")
    model = logged_models.create_logged_model(
        find_experiment(fields.need("experiment_id"), actor=call.actor),
        name=fields.text("name"),
        source_run=find_run(run_id, actor=call.actor) if run_id else None,
        model_type=fields.text("model_type"),
        params=fields.tags("params"),
        tags=fields.tags(),
        actor=call.actor,
    )
    return _shown(model, call)


def get(call: Call) -> Json:
    """Return a logged model."""
    return _shown(_asked(call), call)


def finalize(call: Call) -> Json:
    """Say how the upload ended."""
    status = call.fields.need("status")
    return _shown(logged_models.finalize_logged_model(_asked(call), status, actor=call.actor), call)


def delete(call: Call) -> Json:
    """Delete a logged model; one that was deleted already is no error."""
    model = logged_models.find_logged_model(call.fields.need("model_id"), actor=call.actor, deleted=True)
    logged_models.delete_logged_model(model, actor=call.actor)
    return {}


def find(call: Call) -> Json:
    """Search logged models."""
    fields = call.fields
    if fields.said.get("experiment_ids") is None:
        raise missing("experiment_ids")
    found = logged_models.search_logged_models(
        fields.texts("experiment_ids"),
        Asked(fields.text("filter"), max_results=fields.whole("max_results"), token=fields.text("page_token")),
        order_by=[_order(part) for part in fields.parts("order_by")],
        on=[Dataset(part.need("dataset_name"), part.text("dataset_digest")) for part in fields.parts("datasets")],
        actor=call.actor,
    )
    return listing.paged("models", render.logged_models(found.rows, call.actor), found)


def _order(part: Fields) -> Ordered:
    descending = part.said.get("ascending") is not None and not part.flag("ascending")
    name = part.text("dataset_name")
    on = Dataset(name, part.text("dataset_digest")) if name else None
    return Ordered(part.need("field_name"), descending, on)


def set_tags(call: Call) -> Json:
    """Set tags."""
    return _shown(logged_models.set_logged_model_tags(_asked(call), call.fields.tags(), actor=call.actor), call)


def delete_tag(call: Call) -> Json:
    """Remove a tag."""
    key = call.fields.need("tag_key")
    logged_models.delete_logged_model_tag(_asked(call), key, actor=call.actor)
    return {}


def log_params(call: Call) -> Json:
    """Add params."""
    logged_models.log_logged_model_params(_asked(call), call.fields.tags("params"), actor=call.actor)
    return {}


def directories(call: Call) -> Json:
    """List a folder of the model's files."""
    return listed(call, artifacts.logged_model_root(_asked(call)), call.fields.text("artifact_directory_path"))
