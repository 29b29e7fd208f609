"""The client's TLS variables against a server that ends TLS itself."""

from collections.abc import Iterator

import pytest

from tests.certificates import certificate
from tests.wire.conftest import Client
from tests.wire.server import Server

pytestmark = pytest.mark.wire
LOOK = "print(client.search_registered_models())"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = certificate(folder)
    made = Server(folder / "home", tls=(cert, key), SIGNOFF_TLS_CERT=str(cert), SIGNOFF_TLS_KEY=str(key))
    yield made
    made.end()


def test_the_certificate_is_checked_by_the_bundle_named_or_not_at_all(client: Client, server: Server) -> None:
    assert server.tls
    token = {"MLFLOW_TRACKING_TOKEN": server.token("dana")}
    work = """
client.create_registered_model("Over TLS")
run = client.create_run("0")
client.log_text(run.info.run_id, "hello", "a.txt")
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a.txt") == "hello"
"""
    client.run("dana", work, MLFLOW_TRACKING_SERVER_CERT_PATH=str(server.tls[0]), **token)
    assert "Over TLS" in client.run("dana", LOOK, MLFLOW_TRACKING_INSECURE_TLS="true", **token)
    refused = "\ntry:\n    client.search_registered_models()\nexcept MlflowException as why:\n    print(why)\n"
    assert "certificate verify failed" in client.run("dana", refused, **token).lower()
