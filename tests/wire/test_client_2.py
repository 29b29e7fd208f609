"""The newest client before MLflow 3, unmodified, against the same server: what many a notebook still has."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.conftest import Client
from tests.wire.homes import ROOT
from tests.wire.server import Server
from tests.wire.test_client import link_in
from tests.wire.test_every_method import LEFT_OUT, MIA, RECORD, REGISTRY, RUNS

pytestmark = [pytest.mark.wire, pytest.mark.soak]
OLDER = ROOT / ".venv-client-2" / "bin" / "python"
PROMPTS_AND_ASSESSMENTS = {
    "delete_prompt", "delete_prompt_alias", "detach_prompt_from_run", "list_logged_prompts", "load_prompt", "log_prompt",
    "parse_prompt_uri", "register_prompt", "set_prompt_alias", "delete_assessment", "log_assessment", "get_trace",
    "update_assessment",
}  # fmt: skip
LOG = """
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

assert mlflow.__version__.startswith("2.")
frame = pd.DataFrame({"amount": [1.0, 2.0, 30.0, 40.0]})
fitted = LogisticRegression().fit(frame, [0, 0, 1, 1])
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(
        fitted, "model", registered_model_name="Older", signature=infer_signature(frame, fitted.predict(frame)),
        pip_requirements=["scikit-learn"],
    )
version = client.get_model_version("Older", "1")
assert (version.status, version.current_stage, version.run_id) == ("READY", "None", run.info.run_id)
print(json.dumps(refusal(client.transition_model_version_stage, "Older", "1", "Production")))
"""
LOAD = """
import pandas as pd
frame = pd.DataFrame({"amount": [1.0, 40.0]})
assert client.transition_model_version_stage("Older", "1", "Production").current_stage == "Production"
for uri in ("models:/Older/Production", "models:/Older/1", "models:/Older@champion", "models:/Older/latest"):
    assert list(mlflow.sklearn.load_model(uri).predict(frame)) == [0, 1], uri
    assert list(mlflow.pyfunc.load_model(uri).predict(frame)) == [0, 1], uri
"""


@pytest.fixture(scope="module")
def ungoverned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("off") / "home", SIGNOFF_APPROVALS="off")
    yield made
    made.end()


def test_a_model_of_the_older_client_goes_to_production_with_a_sign_off(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path, OLDER)
    code, message = json.loads(client.run("dana", LOG).splitlines()[-1])
    assert code == "PERMISSION_DENIED"
    server.decide(link_in(message)[1], by="rita")
    client.run("dana", LOAD)


def test_every_method_of_the_older_client_about_runs_and_models_does_what_it_does_there(
    ungoverned: Server, tmp_path: Path
) -> None:
    token = ungoverned.django(MIA).strip()
    script = RECORD + RUNS + REGISTRY + "\nclient.set_terminated(r)\nprint(json.dumps([sorted(called), every]))"
    client = Client(ungoverned, tmp_path, OLDER)
    called, every = json.loads(client.run("mia", script, MLFLOW_TRACKING_TOKEN=token).splitlines()[-1])
    assert set(every) - set(called) - set().union(*LEFT_OUT.values()) - PROMPTS_AND_ASSESSMENTS == set()
