"""runs/*, experiments/* and logged-models/* as MLflow answers them."""

import json
from typing import Any

import pytest

from accounts.actors import Actor
from registry import registered
from registry.models import RegisteredModel
from registry.restricted import REGISTERED_AS
from tests.factories import make_model, make_version
from tests.web.mlflow.conftest import Api, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def run_id(api: Api) -> str:
    said = api.post("runs/create", experiment_id="0", start_time=5, tags=[{"key": "a", "value": "b"}]).json()["run"]
    return str(said["info"]["run_id"])


@pytest.fixture
def model(dana: Actor) -> RegisteredModel:
    return make_model(dana)


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


def test_a_name_that_resolves_elsewhere_is_refused(api: Api, run_id: str, model: RegisteredModel) -> None:
    for key in ("..", ".", "a/../b", "/abs", "a//b", "a/", "../m"):
        resolves_elsewhere(api, run_id, model, key)


def resolves_elsewhere(api: Api, run_id: str, model: RegisteredModel, key: str) -> None:
    """Hold that every call but for a logged model's tags, which are no files in MLflow either, refuses the key."""
    calls = [
        ("registered-models/set-tag", {"name": model.name, "key": key, "value": "x"}),
        ("registered-models/create", {"name": "other", "tags": [{"key": key, "value": "x"}]}),
        ("experiments/set-experiment-tag", {"experiment_id": "0", "key": key, "value": "x"}),
        ("runs/set-tag", {"run_id": run_id, "key": key, "value": "x"}),
        ("runs/log-parameter", {"run_id": run_id, "key": key, "value": "x"}),
        ("runs/log-metric", {"run_id": run_id, "key": key, "value": 1, "timestamp": 1}),
        ("runs/log-batch", {"run_id": run_id, "params": [{"key": key, "value": "x"}]}),
    ]
    for path, body in calls:
        refused(api.post(path, body), 400, "INVALID_PARAMETER_VALUE", "must not resolve to other names")
    gone = api.delete("registered-models/delete-tag", name=model.name, key=key)
    refused(gone, 400, "INVALID_PARAMETER_VALUE", "must not resolve")
    logged: dict[str, Any] = {"experiment_id": "0", "tags": [{"key": key, "value": "x"}]}
    assert api.post("logged-models", logged).status_code == 200
    logged["tags"] = [{"key": "$", "value": "x"}, {"key": "a\nb", "value": "x"}]
    refused(api.post("logged-models", logged), 400, "INVALID_PARAMETER_VALUE", "printable")
    logged["tags"] = logged["tags"][:1]
    assert api.post("logged-models", logged).status_code == 200


def test_a_tag_that_cannot_be_is_not_deleted(api: Api, model: RegisteredModel, dana: Actor) -> None:
    make_version(model, dana)
    for path, of in (("registered-models", {}), ("model-versions", {"version": "1"})):
        said = api.delete(f"{path}/delete-tag", name=model.name, key="$", **of)
        refused(said, 400, "INVALID_PARAMETER_VALUE", "Names may only contain")
        assert api.delete(f"{path}/delete-tag", name=model.name, key="absent", **of).json() == {}


def test_what_mlflow_needs_is_needed(api: Api, run_id: str) -> None:
    for path, body, name in (
        ("runs/log-metric", {"key": "m", "value": 1}, "timestamp"),
        ("runs/log-batch", {"metrics": [{"key": "m", "value": 1}]}, "timestamp"),
        ("runs/outputs", {}, "models"),
    ):
        answer = api.post(path, {"run_id": run_id, **body})
        refused(answer, 400, "INVALID_PARAMETER_VALUE", f"Missing value for required parameter '{name}'")
    assert api.post("runs/outputs", run_id=run_id, models=[]).json() == {}


def test_what_is_deleted_or_restored_twice(api: Api) -> None:
    made = api.post("experiments/create", name="twice").json()["experiment_id"]
    for path in ("delete", "restore"):
        assert api.post(f"experiments/{path}", experiment_id=made).json() == {}
        refused(api.post(f"experiments/{path}", experiment_id=made), 404, "RESOURCE_DOES_NOT_EXIST", f"id={made}")
    logged = api.post("logged-models", experiment_id="0").json()["model"]["info"]["model_id"]
    for _ in range(2):
        assert api.delete(f"logged-models/{logged}").json() == {}
    refused(api.get(f"logged-models/{logged}"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_an_experiments_id_is_a_number(api: Api) -> None:
    for path, name in (("runs/search", "experiment_ids"), ("logged-models/search", "experiment_ids")):
        refused(api.post(path, {name: ["x"]}), 400, "INVALID_PARAMETER_VALUE", "Invalid experiment ID 'x'")
        assert api.post(path, {name: ["-1", "9" * 30]}).json() == {}
    for text in ("x", "1.5"):
        refused(api.post("runs/create", experiment_id=text), 400, "INVALID_PARAMETER_VALUE", "valid integer")
    refused(api.get("experiments/get", experiment_id="-1"), 404, "RESOURCE_DOES_NOT_EXIST")


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


def test_an_empty_run_name_changes_nothing(api: Api, run_id: str) -> None:
    name = api.get("runs/get", run_id=run_id).json()["run"]["info"]["run_name"]
    tag = {"key": "mlflow.runName", "value": ""}
    assert api.post("runs/set-tag", run_id=run_id, **tag).status_code == 200
    assert api.post("runs/log-batch", run_id=run_id, tags=[tag, {"key": "b", "value": "c"}]).status_code == 200
    said = api.get("runs/get", run_id=run_id).json()["run"]
    tags = {one["key"]: one["value"] for one in said["data"]["tags"]}
    assert (said["info"]["run_name"], tags) == (name, {"a": "b", "b": "c", "mlflow.runName": name})


def test_a_metric_has_no_moment_before_1970(api: Api, run_id: str) -> None:
    metric = {"key": "m", "value": 1, "timestamp": -4}
    refused(api.post("runs/log-metric", run_id=run_id, **metric), 400, "INVALID_PARAMETER_VALUE", "nonnegative")
    refused(api.post("runs/log-batch", run_id=run_id, metrics=[metric]), 400, "INVALID_PARAMETER_VALUE", "'timestamp'")
    assert "metrics" not in api.get("runs/get", run_id=run_id).json()["run"]["data"]


def test_what_a_restricted_model_came_from_is_not_there_to_be_logged_to(api: Api, engineer: Api, eli: Actor) -> None:
    made = engineer.post("logged-models", experiment_id="0", name="m").json()["model"]["info"]
    place = f"/api/2.0/mlflow-artifacts/artifacts/{made['artifact_uri'].partition(':/')[2]}/MLmodel"
    engineer.http.generic("PUT", place, b"flavors: {}", content_type="application/octet-stream")
    run_id = api.post("runs/create", experiment_id="0").json()["run"]["info"]["run_id"]
    named = [{"model_id": made["model_id"]}]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("runs/log-metric", {"key": "m", "value": 1, "timestamp": 1, **named[0]}),
        ("runs/log-batch", {"metrics": [{"key": "m", "value": 1, "timestamp": 1, **named[0]}]}),
        ("runs/log-inputs", {"models": named}),
        ("runs/outputs", {"models": named}),
    ]
    for path, fields in calls:
        assert api.post(path, run_id=run_id, **fields).status_code == 200
    model = make_model(eli, "Secret")
    assert (
        engineer.post("model-versions/create", name="Secret", source=f"models:/{made['model_id']}").status_code == 200
    )
    registered.update_model(model, actor=eli, restricted=True)
    for path, fields in calls:
        refused(api.post(path, run_id=run_id, **fields), 404, "RESOURCE_DOES_NOT_EXIST", made["model_id"])
        assert engineer.post(path, run_id=_run_of(engineer), **fields).status_code == 200


def _run_of(api: Api) -> str:
    return str(api.post("runs/create", experiment_id="0").json()["run"]["info"]["run_id"])
