"""MLflow's command line: experiments, runs, artifacts, and a registered model asked for predictions."""

import base64
import csv
import hashlib
from pathlib import Path

import pytest

from tests.wire.conftest import CLIENT, Client
from tests.wire.test_client import TRAIN

pytestmark = pytest.mark.wire


COMMANDS = """
import pathlib
from click.testing import CliRunner
from mlflow.cli import cli


def command(*words):
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


run, registered = log("Cli")
assert "Created experiment 'cli'" in command("experiments", "create", "-n", "cli")
assert "cli" in command("experiments", "search")
number = json.loads(command("experiments", "get", "-n", "cli", "--output", "json"))["experiment_id"]
command("experiments", "rename", "-x", number, "--new-name", "by hand")
made = command("runs", "create", "--experiment-name", "by hand", "--run-name", "nightly", "-t", "team=risk", "--status", "failed")
(nightly,) = client.search_runs([number], "tags.team = 'risk'")
assert nightly.info.run_id in made and (nightly.info.run_name, nightly.info.status) == ("nightly", "FAILED")
command("experiments", "csv", "-x", number, "-o", "runs.csv")
assert nightly.info.run_id in pathlib.Path("runs.csv").read_text()
command("experiments", "delete", "-x", number)
assert client.get_experiment(number).lifecycle_stage == "deleted"
command("experiments", "restore", "-x", number)
assert client.get_experiment(number).lifecycle_stage == "active"
pathlib.Path("note.txt").write_text("hello")
for folder in ("plots", "got", "model"):
    pathlib.Path(folder).mkdir()
pathlib.Path("plots/roc.txt").write_text("curve")
command("artifacts", "log-artifact", "--run-id", run, "--local-file", "note.txt", "--artifact-path", "notes")
command("artifacts", "log-artifacts", "--run-id", run, "--local-dir", "plots", "--artifact-path", "plots")
listed = json.loads(command("artifacts", "list", "--run-id", run))
assert [entry["path"] for entry in listed] == ["notes", "plots"], listed
inside = json.loads(command("artifacts", "list", "--run-id", run, "--artifact-path", "plots"))
assert [(entry["path"], entry["file_size"]) for entry in inside] == [("plots/roc.txt", 5)]
command("artifacts", "download", "--run-id", run, "--artifact-path", "notes", "--dst-path", "got")
assert pathlib.Path("got/notes/note.txt").read_text() == "hello"
command("artifacts", "download", "--artifact-uri", "models:/Cli/1", "--dst-path", "model")
assert list(pathlib.Path("model").rglob("MLmodel"))
assert run in command("runs", "list", "--experiment-id", "0")
assert json.loads(command("runs", "describe", "--run-id", run))["info"]["run_id"] == run
other = client.create_run("0").info.run_id
assert "has been deleted" in command("runs", "delete", "--run-id", other)
assert "restored" in command("runs", "restore", "--run-id", other)
with mlflow.start_run() as free:
    made = mlflow.sklearn.log_model(fitted, name="model", serialization_format="skops", skops_trusted_types=[], pip_requirements=["scikit-learn"])
command("models", "update-pip-requirements", "-m", f"models:/{made.model_id}", "add", "pandas")
assert "pandas" in mlflow.artifacts.load_text(client.get_logged_model(made.model_id).artifact_location + "/requirements.txt")
told = CliRunner().invoke(cli, ["models", "update-pip-requirements", "-m", f"models:/{registered.model_id}", "add", "pandas"])
assert told.exit_code and "frozen" in str(told.exception), told  # a version was registered from it
command("models", "generate-dockerfile", "-m", "models:/Cli/1", "-d", "image", "--env-manager", "local")
assert list(pathlib.Path("image").rglob("Dockerfile")) and list(pathlib.Path("image").rglob("MLmodel"))
pathlib.Path("in.json").write_text('{"dataframe_split": {"columns": ["amount"], "data": [[1.0], [40.0]]}}')
"""


def test_the_commands_work(client: Client) -> None:
    client.run("dana", TRAIN + COMMANDS)
    words = ["models", "predict", "-m", "models:/Cli/1", "-i", "in.json", "--env-manager", "local"]
    told = client.start([str(CLIENT.parent / "mlflow"), *words], "dana")
    assert '{"predictions": [0, 1]}' in told


def test_the_client_is_the_one_that_mlflow_released() -> None:
    """Each file of the client has the hash that its wheel's RECORD gives: nothing here was changed to fit."""
    (record,) = CLIENT.parents[1].glob("lib/python*/site-packages/mlflow_skinny-*.dist-info/RECORD")
    checked, wrong = 0, []
    for name, hashed, _ in csv.reader(record.read_text().splitlines()):
        if hashed and "/bin/" not in name:
            found = hashlib.new(hashed.partition("=")[0], Path(record.parents[1], name).read_bytes()).digest()
            if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != hashed.partition("=")[2]:
                wrong.append(name)
            checked += 1
    assert wrong == []
    assert checked > 500
