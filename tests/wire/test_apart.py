"""A registry beside another tracking server: MLFLOW_TRACKING_URI names one server, MLFLOW_REGISTRY_URI the other."""

from collections.abc import Iterator

import pytest

from tests.wire.conftest import Client
from tests.wire.server import Server
from tests.wire.test_client import TRAIN

pytestmark = pytest.mark.wire


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A tracking server of its own."""
    made = Server(tmp_path_factory.mktemp("elsewhere") / "home")
    yield made
    made.end()


def test_models_logged_elsewhere_are_registered_here_and_loaded_from_there(
    client: Client, server: Server, elsewhere: Server
) -> None:
    apart = {
        "MLFLOW_TRACKING_URI": elsewhere.url,
        "MLFLOW_REGISTRY_URI": server.url,
        "MLFLOW_TRACKING_USERNAME": "dana",
        "MLFLOW_TRACKING_PASSWORD": server.password,
    }
    client.run(
        "dana",
        TRAIN
        + """
run_id, info = log("Apart")
version = client.get_model_version("Apart", "1")
assert (version.status, version.source) == ("READY", f"models:/{info.model_id}"), version
assert client.get_model_version_download_uri("Apart", "1") == f"models:/{info.model_id}"
again = mlflow.register_model(f"runs:/{run_id}/model", "Apart")
assert again.version == "2", again
client.set_registered_model_alias("Apart", "blue", "2")
for uri in ("models:/Apart/1", "models:/Apart/2", "models:/Apart@blue", "models:/Apart/latest"):
    assert list(mlflow.sklearn.load_model(uri).predict(frame)) == [0, 0, 1, 1], uri
    assert list(mlflow.pyfunc.load_model(uri).predict(frame)) == [0, 0, 1, 1], uri
code, message = refusal(client.transition_model_version_stage, "Apart", "1", "Production")
assert code == "RESOURCE_CONFLICT" and "unverified" in message, message
copied = client.copy_model_version("models:/Apart/1", "Apart too")
assert list(mlflow.sklearn.load_model("models:/Apart too/1").predict(frame)) == [0, 0, 1, 1]
""",
        **apart,
    )
    here = """
assert client.get_model_version("Apart too", "1").source == "models:/Apart/1"
assert "Apart" in [m.name for m in client.search_registered_models()]
for version in client.search_model_versions("name = 'Apart'"):
    assert refusal(client.get_logged_model, version.source.removeprefix("models:/"))[0] == "RESOURCE_DOES_NOT_EXIST"
"""
    client.run("dana", here)
