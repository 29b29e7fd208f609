"""runs/*, experiments/* and logged-models/* as MLflow answers them."""

import json
from typing import Any

import pytest

from accounts.actors import Actor
from registry import registered
from registry.restricted import REGISTERED_AS
from tests.factories import make_model
from tests.web.mlflow.conftest import Api, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def run_id(api: Api) -> str:
    said = api.post("runs/create", experiment_id="0", start_time=5, tags=[{"key": "a", "value": "b"}]).json()["run"]
    return str(said["info"]["run_id"])


def test_a_run_is_shown_as_mlflow_does(api: Api, run_id: str) -> None:
    said = api.get("runs/get", run_id=run_id, run_uuid=run_id).json()["run"]
    name = said["info"].pop("run_name")
    assert said == {
        "info": {
            "run_id": run_id,
            "run_uuid": run_id,
            "experiment_id": "0",
            "user_id": "dana",
            "status": "RUNNING",
            "start_time": 5,
            "artifact_uri": f"mlflow-artifacts:/0/{run_id}/artifacts",
            "lifecycle_stage": "active",
        },
        "data": {"tags": [{"key": "mlflow.runName", "value": name}, {"key": "a", "value": "b"}]}
        if said["data"]["tags"][0]["key"] == "mlflow.runName"
        else {"tags": [{"key": "a", "value": "b"}, {"key": "mlflow.runName", "value": name}]},
        "inputs": {},
        "outputs": {},
    }
    info = api.post("runs/update", run_id=run_id, status="FINISHED", end_time=9).json()["run_info"]
    assert (info["status"], info["end_time"], info["run_name"]) == ("FINISHED", 9, name)
    refused(api.post("runs/update", run_id=run_id, status="DONE"), 400, "INVALID_PARAMETER_VALUE")
    refused(api.get("runs/get", run_id="0" * 32), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        (1, 1.0),
        ("1.5", 1.5),
        (-0.25, -0.25),
        (1e308, 1e308),
    ],
)
def test_a_metric_comes_back_as_it_was(api: Api, run_id: str, sent: object, shown: object) -> None:
    for _ in range(2):
        assert api.post("runs/log-metric", run_id=run_id, key="m", value=sent, timestamp=1, step=-1).json() == {}
    one = {"key": "m", "value": shown, "timestamp": 1, "step": -1, "run_id": run_id}
    assert api.get("metrics/get-history", run_id=run_id, metric_key="m").json() == {"metrics": [one]}
    assert api.get("runs/get", run_id=run_id).json()["run"]["data"]["metrics"] == [one]


def test_64_bit_numbers_come_as_numbers_or_text(api: Api, run_id: str) -> None:
    for step in (2**63 - 1, str(-(2**63))):
        assert api.post("runs/log-metric", run_id=run_id, key="m", value=1, timestamp="7", step=step).status_code == 200


def test_inputs_outputs_and_the_old_model_history_are_kept(api: Api, run_id: str) -> None:
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}", "colour": "blue"}
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    body = {"run_id": run_id, "datasets": [{"dataset": dataset, "tags": tags}], "models": [{"model_id": "m-1"}]}
    for _ in range(2):
        assert api.post("runs/log-inputs", body).json() == {}
        assert api.post("runs/outputs", run_id=run_id, models=[{"model_id": "m-2", "step": 3}]).json() == {}
        assert api.post("runs/log-model", run_id=run_id, model_json='{"artifact_path": "model"}').json() == {}
    said = api.get("runs/get", run_id=run_id).json()["run"]
    del dataset["colour"]
    assert said["inputs"] == {
        "dataset_inputs": [{"tags": tags, "dataset": dataset}],
        "model_inputs": [{"model_id": "m-1"}],
    }
    assert said["outputs"] == {"model_outputs": [{"model_id": "m-2", "step": 3}]}
    history = next(t["value"] for t in said["data"]["tags"] if t["key"] == "mlflow.log-model.history")
    assert json.loads(history) == [{"artifact_path": "model"}] * 2
    refused(api.post("runs/log-model", run_id=run_id, model_json="{"), 400, "INVALID_PARAMETER_VALUE")


def test_runs_are_searched_by_post(api: Api, run_id: str) -> None:
    found = api.post("runs/search", experiment_ids=["0"], filter="tags.a = 'b'", order_by=["start_time DESC"]).json()
    assert [r["info"]["run_id"] for r in found["runs"]] == [run_id]
    assert api.post("runs/search", experiment_ids=["0"], run_view_type="DELETED_ONLY").json() == {}
    refused(api.post("runs/search", experiment_ids=["0"], run_view_type="SOME"), 400, "INVALID_PARAMETER_VALUE")


def test_experiments_are_found_by_id_name_and_search(api: Api) -> None:
    made = api.post("experiments/create", name="trials", tags=[{"key": "k", "value": "v"}]).json()["experiment_id"]
    assert made.isdigit()
    by_id = api.get("experiments/get", experiment_id=made).json()["experiment"]
    assert api.get("experiments/get-by-name", experiment_name="trials").json()["experiment"] == by_id
    assert by_id["artifact_location"] == f"mlflow-artifacts:/{made}"
    assert by_id["tags"] == [{"key": "k", "value": "v"}]
    found = api.post("experiments/search", max_results=10, order_by=["name ASC"]).json()["experiments"]
    assert [e["name"] for e in found] == ["Default", "trials"]
    refused(api.get("experiments/get-by-name", experiment_name="none"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(api.get("experiments/get", experiment_id="x"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(api.post("experiments/create", name="trials"), 400, "RESOURCE_ALREADY_EXISTS")
    refused(api.post("experiments/create", name="b", artifact_location="s3://x"), 400, "INVALID_PARAMETER_VALUE")
    refused(api.post("experiments/search", max_results=50_001), 400, "INVALID_PARAMETER_VALUE")
    refused(api.post("experiments/delete", experiment_id="0"), 409, "RESOURCE_CONFLICT")


def test_a_logged_model_lives_as_mlflow_3_has_it(api: Api, run_id: str) -> None:
    fields = {"experiment_id": "0", "name": "model", "source_run_id": run_id, "params": [{"key": "p", "value": "1"}]}
    made = api.post("logged-models", fields).json()["model"]
    model_id = made["info"]["model_id"]
    assert made["info"]["status"] == "LOGGED_MODEL_PENDING"
    assert made["info"]["artifact_uri"] == f"mlflow-artifacts:/0/models/{model_id}/artifacts"
    assert made["data"] == {"params": [{"key": "p", "value": "1"}]}
    path = f"logged-models/{model_id}"
    assert api.patch(path, status="LOGGED_MODEL_READY").json()["model"]["info"]["status"] == "LOGGED_MODEL_READY"
    refused(api.patch(path, status="FINE"), 400, "INVALID_PARAMETER_VALUE")
    tagged = api.patch(f"{path}/tags", tags=[{"key": "a/b", "value": "1"}, {"key": "c", "value": "2"}]).json()["model"]
    assert len(tagged["info"]["tags"]) == 2
    assert api.delete(f"{path}/tags/a/b").json() == {}
    assert api.post(f"{path}/params", params=[{"key": "q", "value": "2"}]).json() == {}
    api.post("runs/log-metric", run_id=run_id, key="auc", value=0.9, timestamp=1, model_id=model_id)
    shown = api.get(path).json()["model"]
    assert shown["info"]["tags"] == [{"key": "c", "value": "2"}]
    assert shown["data"]["metrics"][0]["value"] == 0.9
    order = [{"field_name": "creation_timestamp", "ascending": False}]
    found = api.post("logged-models/search", experiment_ids=["0"], filter="name = 'model'", order_by=order).json()
    assert [m["info"]["source_run_id"] for m in found["models"]] == [run_id]
    missing = api.post("logged-models/search", filter="name = 'model'")
    refused(missing, 400, "INVALID_PARAMETER_VALUE", "Missing value for required parameter 'experiment_ids'")
    assert api.post("logged-models/search", experiment_ids=[]).json() == {}
    on = {"dataset_name": "d", "dataset_digest": "1"}
    by_metric = {"experiment_ids": ["0"], "order_by": [{"field_name": "metrics.auc", **on}]}
    assert len(api.post("logged-models/search", by_metric).json()["models"]) == 1
    assert api.post("logged-models/search", {**by_metric, "datasets": [on]}).json() == {}
    assert api.get(f"{path}/artifacts/directories").json() == {"root_uri": shown["info"]["artifact_uri"]}
    assert api.delete(path).json() == {}
    refused(api.get(path), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_deleted_tag_that_is_absent_is_told(api: Api, run_id: str) -> None:
    refused(
        api.post("runs/delete-tag", run_id=run_id, key="none"), 404, "RESOURCE_DOES_NOT_EXIST", "No tag with name: none"
    )


def test_a_logged_model_is_silent_on_registered_models_that_the_reader_may_not_see(dana: Actor, eli: Actor) -> None:
    api, other = Api(dana), Api(eli)
    model_id = api.post("logged-models", experiment_id="0", name="model").json()["model"]["info"]["model_id"]
    names = [{"name": name, "version": "1"} for name in ("Secret", "Open")]
    api.patch(f"logged-models/{model_id}/tags", tags=[{"key": REGISTERED_AS, "value": json.dumps(names)}])
    registered.update_model(make_model(dana, "Secret"), actor=dana, restricted=True)
    make_model(dana, "Open")

    def told(caller: Api) -> Any:
        (tag,) = caller.get(f"logged-models/{model_id}").json()["model"]["info"]["tags"]
        return json.loads(tag["value"])

    assert told(api) == names
    assert told(other) == names[1:]
