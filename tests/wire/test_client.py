"""The unmodified MLflow client against a running server: log, register, ask, sign off, load."""

import json
import re

import pytest

from tests.wire.conftest import Client
from tests.wire.server import Server

pytestmark = pytest.mark.wire

TRAIN = """
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

frame = pd.DataFrame({"amount": [1.0, 2.0, 30.0, 40.0]})
fitted = LogisticRegression().fit(frame, [0, 0, 1, 1])


def log(name, **named):
    with mlflow.start_run() as run:
        mlflow.log_params({"depth": 3})
        mlflow.log_metric("accuracy", 0.91)
        info = mlflow.sklearn.log_model(
            fitted, name="model", registered_model_name=name, signature=infer_signature(frame, fitted.predict(frame)),
            serialization_format="skops", skops_trusted_types=[], pip_requirements=["scikit-learn"], **named,
        )
    return run.info.run_id, info


"""


def link_in(message: str) -> tuple[str, int]:
    """Return the link to an approval request and the request's number."""
    found = re.search(r"(http://[^ ]*/approvals/(\d+))", message)
    assert found, message
    return found[1], int(found[2])


def test_a_model_goes_from_a_notebook_to_production_with_a_sign_off(client: Client, server: Server) -> None:
    said = client.run(
        "dana",
        TRAIN
        + """
run_id, info = log("Fraud")
version = client.get_model_version("Fraud", "1")
assert (version.status, version.current_stage, version.user_id, version.run_id) == ("READY", "None", "dana", run_id)
assert client.get_model_version_download_uri("Fraud", "1").startswith("mlflow-artifacts:/versions/")
first = refusal(client.transition_model_version_stage, "Fraud", "1", "Production", archive_existing_versions=True)
again = refusal(client.transition_model_version_stage, "Fraud", "1", "production", archive_existing_versions=True)
print(json.dumps([first, again]))
""",
    )
    (code, message), (_, waiting) = json.loads(said.splitlines()[-1])
    assert code == "PERMISSION_DENIED"
    link, number = link_in(message)
    assert link.startswith(server.url)
    assert "Reviewer" in message
    assert "is open now" in message
    assert link_in(waiting) == (link, number)
    assert "still waiting" in waiting

    server.decide(number, by="rita")
    client.run(
        "dana",
        TRAIN
        + """
moved = client.transition_model_version_stage("Fraud", "1", "Production", archive_existing_versions=True)
assert moved.current_stage == "Production"
assert client.get_model_version_by_alias("Fraud", "champion").version == "1"
assert client.get_registered_model("Fraud").aliases == {"champion": "1"}
for uri in ("models:/Fraud/Production", "models:/Fraud/1", "models:/Fraud@champion", "models:/Fraud/latest"):
    assert list(mlflow.sklearn.load_model(uri).predict(frame)) == [0, 0, 1, 1], uri
    assert list(mlflow.pyfunc.load_model(uri).predict(frame)) == [0, 0, 1, 1], uri
code, message = refusal(client.delete_model_version, "Fraud", "1")
assert code == "RESOURCE_CONFLICT" and "Production" in message, (code, message)
code, message = refusal(client.delete_registered_model, "Fraud")
assert code == "RESOURCE_CONFLICT", code
code, message = refusal(client.delete_run, client.get_model_version("Fraud", "1").run_id)
assert code == "RESOURCE_CONFLICT" and "evidence" in message, message
""",
    )


def test_a_protected_alias_waits_like_a_stage(client: Client, server: Server) -> None:
    said = client.run(
        "dana",
        TRAIN
        + """
log("Aliased")
client.set_registered_model_alias("Aliased", "candidate", "1")
assert client.get_model_version_by_alias("Aliased", "candidate").aliases == ["candidate"]
client.set_registered_model_alias("Aliased", "candidate", 1)
client.delete_registered_model_alias("Aliased", "candidate")
client.delete_registered_model_alias("Aliased", "candidate")
assert refusal(client.get_model_version_by_alias, "Aliased", "candidate")[0] == "INVALID_PARAMETER_VALUE"
assert refusal(client.set_registered_model_alias, "Aliased", "candidate", "7")[0] == "RESOURCE_DOES_NOT_EXIST"
print(json.dumps(refusal(client.set_registered_model_alias, "Aliased", "champion", "1")))
""",
    )
    code, message = json.loads(said.splitlines()[-1])
    assert code == "PERMISSION_DENIED"
    server.decide(link_in(message)[1], by="rita")
    client.run(
        "dana",
        """
client.set_registered_model_alias("Aliased", "champion", "1")
assert client.get_model_version_by_alias("Aliased", "champion").version == "1"
""",
    )


def test_versions_are_registered_from_runs_copied_tagged_and_found(client: Client) -> None:
    client.run(
        "dana",
        TRAIN
        + """
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(fitted, name="model", serialization_format="skops", skops_trusted_types=[], pip_requirements=["scikit-learn"])
version = mlflow.register_model(f"runs:/{run.info.run_id}/model", "Source", tags={"team": "risk"})
assert (version.version, version.run_id, version.tags) == ("1", run.info.run_id, {"team": "risk"}), version
copied = client.copy_model_version("models:/Source/1", "Target")
assert (copied.name, copied.version, copied.source) == ("Target", "1", "models:/Source/1"), copied
assert list(mlflow.sklearn.load_model("models:/Target/1").predict(frame)) == [0, 0, 1, 1]
copied = client.copy_model_version("models:/Target/1", "Target2")
assert list(mlflow.sklearn.load_model("models:/Target2/1").predict(frame)) == [0, 0, 1, 1]

client.update_model_version("Source", "1", "what it is")
client.set_model_version_tag("Source", "1", "checked", "yes")
client.delete_model_version_tag("Source", "1", "checked")
client.delete_model_version_tag("Source", "1", "checked")
client.set_registered_model_tag("Source", "area", "payments")
assert client.get_registered_model("Source").tags == {"area": "payments"}
client.delete_registered_model_tag("Source", "area")
client.update_registered_model("Source", "all about it")
model = client.get_registered_model("Source")
assert (model.description, model.tags, model.latest_versions[0].description) == ("all about it", {}, "what it is")
assert [v.version for v in client.get_latest_versions("Source")] == ["1"]
assert client.get_latest_versions("Source", ["staging"]) == []
names = lambda found: [one.name for one in found]
versions, models = client.search_model_versions, client.search_registered_models
assert names(versions(f"run_id = '{run.info.run_id}' AND name LIKE 'T%'")) == ["Target2", "Target"]
assert names(versions("tags.team = 'risk'", order_by=["name DESC"])) == ["Target2", "Target", "Source"]
assert names(models("name ILIKE 'tar%'", order_by=["name DESC"])) == ["Target2", "Target"]
first = models("name ILIKE 'tar%'", max_results=1)
assert names(first) == ["Target"] and first.token
assert names(models("name ILIKE 'tar%'", max_results=1, page_token=first.token)) == ["Target2"]
assert refusal(client.search_registered_models, "description = 'x'")[0] == "INVALID_PARAMETER_VALUE"

client.rename_registered_model("Target2", "Renamed")
assert refusal(client.get_registered_model, "Target2")[0] == "RESOURCE_DOES_NOT_EXIST"
assert refusal(client.rename_registered_model, "Renamed", "Source")[0] == "RESOURCE_ALREADY_EXISTS"
client.delete_model_version("Target", "1")
assert refusal(client.get_model_version, "Target", "1")[0] == "RESOURCE_DOES_NOT_EXIST"
client.delete_registered_model("Target")
assert refusal(client.create_registered_model, "Source")[0] == "RESOURCE_ALREADY_EXISTS"
assert refusal(client.create_registered_model, "a/b")[0] == "INVALID_PARAMETER_VALUE"
""",
    )


def test_tracking_calls_of_a_training_script_round_trip(client: Client) -> None:
    client.run(
        "dana",
        """
import math
from mlflow.entities import Metric, Param, RunTag

experiment = mlflow.set_experiment("trials")
assert mlflow.set_experiment("trials").experiment_id == experiment.experiment_id
client.set_experiment_tag(experiment.experiment_id, "team", "risk")
assert [e.name for e in client.search_experiments(filter_string="tags.team = 'risk'")] == ["trials"]
with mlflow.start_run() as run:
    assert run.info.run_name and run.data.tags["mlflow.runName"] == run.info.run_name
    for step, value in enumerate([0.5, float("nan"), float("inf"), -math.inf, 0.75]):
        mlflow.log_metric("loss", value, step=step)
    mlflow.log_metric("gone", float("nan"))
    mlflow.log_params({"depth": 3, "rate": 0.1})
    mlflow.log_param("depth", 3)
    assert refusal(mlflow.log_param, "depth", 4)[0] == "INVALID_PARAMETER_VALUE"
    mlflow.set_tag("note", "n\\u00f8te \\U0001f600")
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_dict({}, "empty.json")
    mlflow.log_text("", "empty.txt")
    source = mlflow.data.sources.HTTPDatasetSource("http://x/y.csv")
    mlflow.log_input(mlflow.data.meta_dataset.MetaDataset(source, name="y"), context="train")
    values = [Metric("m", i, 1, i) for i in range(900)]
    client.log_batch(run.info.run_id, values, [Param("p", "1")], [RunTag("t", "v")])
run = client.get_run(run.info.run_id)
assert run.info.status == "FINISHED" and run.info.user_id == "dana" and run.info.end_time >= run.info.start_time
assert run.data.params == {"depth": "3", "rate": "0.1", "p": "1"}
assert run.data.metrics["loss"] == 0.75 and math.isnan(run.data.metrics["gone"]) and run.data.metrics["m"] == 899
assert run.data.tags["note"] == "n\\u00f8te \\U0001f600" and run.data.tags["t"] == "v"
assert run.inputs.dataset_inputs[0].dataset.name == "y"
history = [m.value for m in client.get_metric_history(run.info.run_id, "loss")]
assert history[0] == 0.5 and math.isnan(history[1]) and history[2:] == [math.inf, -math.inf, 0.75], history
assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["empty.json", "empty.txt", "notes"]
assert [(f.path, f.file_size) for f in client.list_artifacts(run.info.run_id, "notes")] == [("notes/hello.txt", 5)]
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/hello.txt") == "hello"
wanted = "metrics.loss > 0.7 and params.depth = '3' and attributes.status = 'FINISHED'"
found = client.search_runs([experiment.experiment_id], wanted, order_by=["metrics.loss DESC"])
assert [r.info.run_id for r in found] == [run.info.run_id]
assert not client.search_runs([experiment.experiment_id], "metrics.gone >= 0")
client.update_run(run.info.run_id, name="renamed")
assert client.get_run(run.info.run_id).data.tags["mlflow.runName"] == "renamed"
client.delete_tag(run.info.run_id, "note")
client.delete_run(run.info.run_id)
assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
code, message = refusal(client.set_tag, run.info.run_id, "a", "b")
assert code == "INVALID_PARAMETER_VALUE" and "must be in the 'active' state" in message
client.restore_run(run.info.run_id)
client.delete_experiment(experiment.experiment_id)
client.restore_experiment(experiment.experiment_id)
client.rename_experiment(experiment.experiment_id, "trials 2")
assert client.get_experiment_by_name("trials") is None
""",
    )


def test_files_of_a_registered_version_are_frozen(client: Client) -> None:
    client.run(
        "dana",
        TRAIN
        + """
import requests
run_id, info = log("Frozen")
model = client.get_logged_model(info.model_id)
path = model.artifact_location.removeprefix("mlflow-artifacts:/")
proxy = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow-artifacts/artifacts/"
head = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
large = b"x" * 40_000_000
for deed in (requests.put, requests.delete):
    answer = deed(proxy + path + "/MLmodel", headers=head, data=large if deed is requests.put else None)
    assert answer.status_code == 403, answer.text
    assert answer.json()["error_code"] == "PERMISSION_DENIED" and "frozen" in answer.json()["message"]
frozen = client.get_model_version_download_uri("Frozen", "1").removeprefix("mlflow-artifacts:/")
answer = requests.put(proxy + frozen + "/MLmodel", headers=head, data=b"x")
assert answer.status_code == 403 and "frozen" in answer.json()["message"]
read = lambda root: requests.get(proxy + root + "/MLmodel", headers=head).text
assert "sklearn" in read(frozen) and read(frozen) == read(path)
part = requests.get(proxy + frozen + "/MLmodel", headers={**head, "Range": "bytes=0-3"})
assert part.status_code == 206 and len(part.content) == 4

def pieces():
    for _ in range(5):
        yield b"y" * 1_000_000
run = client.create_run("0")
own = f"0/{run.info.run_id}/artifacts/chunked.bin"
assert requests.put(proxy + own, headers=head, data=pieces()).status_code == 411
assert requests.get(proxy + own, headers=head).status_code == 404
""",
    )


def test_a_token_works_as_a_password_and_a_wrong_one_is_told_so(client: Client, server: Server) -> None:
    look = "print([m.name for m in client.search_registered_models()])"
    client.run("dana", "client.create_registered_model('Seen')")
    token = {"MLFLOW_TRACKING_USERNAME": "dana", "MLFLOW_TRACKING_PASSWORD": server.token("dana")}
    assert "Seen" in client.run("dana", look, **token)
    password = {"MLFLOW_TRACKING_USERNAME": "dana", "MLFLOW_TRACKING_PASSWORD": server.password}
    assert "Seen" in client.run("dana", look, **password)
    stranger = (
        "code, said = refusal(client.search_registered_models); assert code == 'UNAUTHENTICATED', code; print(said)"
    )
    assert "MLFLOW_TRACKING_TOKEN" in client.run("dana", stranger, MLFLOW_TRACKING_TOKEN="so_wrong")


def test_people_without_the_right_are_refused_in_words(client: Client) -> None:
    client.run("dana", TRAIN + "log('Guarded')")
    client.run(
        "rita",
        """
code, message = refusal(client.create_registered_model, "Mine")
assert code == "PERMISSION_DENIED" and "Data scientist" in message, message
code, message = refusal(client.transition_model_version_stage, "Guarded", "1", "Staging")
assert code == "PERMISSION_DENIED" and "ML engineer" in message, message
""",
    )
    client.run(
        "eli", "assert client.transition_model_version_stage('Guarded', '1', 'Staging').current_stage == 'Staging'"
    )
    client.run("otto", "assert refusal(client.get_registered_model, 'Guarded')[0] == 'RESOURCE_DOES_NOT_EXIST'")


def test_prompts_stay_out_of_model_searches(client: Client) -> None:
    client.run(
        "dana",
        """
import requests
tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}]
head = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
call = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/"
made = requests.post(call + "registered-models/create", json={"name": "salutation", "tags": tags[:1]}, headers=head)
assert made.status_code == 200, made.text
body = {"name": "salutation", "source": "dummy-source", "tags": tags}
assert requests.post(call + "model-versions/create", json=body, headers=head).status_code == 200
assert "salutation" not in [m.name for m in client.search_registered_models()]
asked = "tags.`mlflow.prompt.is_prompt` = 'true' AND name LIKE 'sal%'"
assert [m.name for m in client.search_registered_models(asked)] == ["salutation"]
assert client.get_prompt_version("salutation", 1).template == "Hello {{name}}"
""",
    )
