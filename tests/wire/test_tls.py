"""The client's TLS variables against a server that ends TLS itself."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import authority, certificate
from tests.wire.conftest import Client
from tests.wire.server import Server

pytestmark = pytest.mark.wire
REFUSED = """
try:
    client.search_registered_models()
except MlflowException as why:
    print(why)
"""
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
    assert "certificate verify failed" in client.run("dana", REFUSED, **token).lower()


class Up(Server):
    """A home as `manage.py up` serves it, over TLS, to whoever shows a certificate of the authority."""

    def __init__(self, folder: Path) -> None:
        self.vouching, self.shown = authority(folder)
        self.cert, key = certificate(folder)
        super().__init__(
            folder / "home",
            tls=(self.cert, key),
            SIGNOFF_TLS_CERT=str(self.cert),
            SIGNOFF_TLS_KEY=str(key),
            SIGNOFF_TLS_CLIENT_CA=str(self.vouching),
        )

    def _serve(self) -> subprocess.Popen[bytes]:
        words = ["manage.py", "up", "--only", "web", "--port", str(self.port)]
        process = self._start([sys.executable, *words])
        deadline = time.monotonic() + 60
        while f"ready {self.url}" not in self.log.read_text():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return process


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path)
    yield made
    made.end()


def test_a_server_that_asks_for_certificates_answers_whoever_shows_one_of_its_authority(
    asking: Up, tmp_path: Path
) -> None:
    client = Client(asking, tmp_path)
    known = {"MLFLOW_TRACKING_TOKEN": asking.token("dana"), "MLFLOW_TRACKING_SERVER_CERT_PATH": str(asking.cert)}
    work = "client.create_registered_model('Shown'); " + LOOK
    assert "Shown" in client.run("dana", work, MLFLOW_TRACKING_CLIENT_CERT_PATH=str(asking.shown), **known)
    (tmp_path / "foreign").mkdir()
    foreign = authority(tmp_path / "foreign")[1]
    for more in ({}, {"MLFLOW_TRACKING_CLIENT_CERT_PATH": str(foreign)}):
        said = client.run("dana", REFUSED, **known, **more)
        assert "Shown" not in said
        assert re.search("certificate|SSL|connection", said, re.IGNORECASE), said
