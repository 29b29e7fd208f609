"""experiments/*."""

from core.refusals import Invalid
from registry import experiments
from registry.models import Experiment
from web.mlflow import listing, render
from web.mlflow.wire import Call, Json

PROXIED = "mlflow-artifacts:"


def _asked(call: Call) -> Experiment:
    return experiments.find_experiment(call.fields.need("experiment_id"), actor=call.actor)


def create(call: Call) -> Json:
    """Create an experiment. Its artifacts are kept here, so another place is refused."""
    place = call.fields.text("artifact_location")
    if place and not place.startswith(PROXIED):
        raise Invalid("Artifacts are kept by this server: leave artifact_location out.", field="artifact_location")
    made = experiments.create_experiment(call.fields.need("name"), tags=call.fields.tags(), actor=call.actor)
    return {"experiment_id": str(made.pk)}


def get(call: Call) -> Json:
    """Return an experiment by id."""
    return {"experiment": render.experiment(_asked(call))}


def get_by_name(call: Call) -> Json:
    """Return an experiment by name."""
    found = experiments.find_experiment_by_name(call.fields.need("experiment_name"), actor=call.actor)
    return {"experiment": render.experiment(found)}


def find(call: Call) -> Json:
    """Search experiments."""
    view = call.fields.text("view_type") or "ACTIVE_ONLY"
    found = experiments.search_experiments(listing.asked(call.fields), view=view, actor=call.actor)
    return listing.paged("experiments", [render.experiment(row) for row in found.rows], found)


def update(call: Call) -> Json:
    """Rename an experiment."""
    name = call.fields.need("new_name")
    experiments.rename_experiment(_asked(call), name, actor=call.actor)
    return {}


def delete(call: Call) -> Json:
    """Delete an experiment."""
    experiments.delete_experiment(_asked(call), actor=call.actor)
    return {}


def restore(call: Call) -> Json:
    """Restore an experiment."""
    experiments.restore_experiment(_asked(call), actor=call.actor)
    return {}


def set_tag(call: Call) -> Json:
    """Set a tag."""
    key = call.fields.need("key")
    experiments.set_experiment_tag(_asked(call), key, call.fields.text("value"), actor=call.actor)
    return {}


def delete_tag(call: Call) -> Json:
    """Remove a tag."""
    key = call.fields.need("key")
    experiments.delete_experiment_tag(_asked(call), key, actor=call.actor)
    return {}
