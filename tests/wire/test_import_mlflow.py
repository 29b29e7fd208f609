"""`import_mlflow` from the real `mlflow server`. It needs the peer's environment, so it is not part of `make test`."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.wire.conftest import CLIENT, Client
from tests.wire.homes import ROOT
from tests.wire.importing import FILL, Importing
from tests.wire.server import _free_port
from tests.wire.test_import import LOOK

pytestmark = [pytest.mark.wire, pytest.mark.soak]
PEER = ROOT / ".venv-peer" / "bin" / "python"
PRODUCTION = """
client.transition_model_version_stage("Imported fraud", "1", "Production")
client.set_registered_model_alias("Imported fraud", "champion", "1")
"""


class Peer:
    """MLflow's own server, looking enough like ours for the client's fixture."""

    pid = 0

    def __init__(self, folder: Path, port: int) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}", folder / "mlflow.log"

    def token(self, _name: str) -> str:
        return "none"


@contextmanager
def mlflow_server(folder: Path, *words: str) -> Iterator[Peer]:
    folder.mkdir()
    peer = Peer(folder, _free_port())
    place = ["--host", "127.0.0.1", "--port", peer.url.rpartition(":")[2], "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    with peer.log.open("wb") as log:
        process = subprocess.Popen(
            [str(PEER), "-m", "mlflow", "server", *place, *store, *words],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    peer.pid = process.pid
    try:
        deadline = time.monotonic() + 180
        while not _answers(peer.url):
            assert time.monotonic() < deadline, peer.log.read_text()[-2000:]
            time.sleep(0.5)
        yield peer
    finally:
        os.killpg(process.pid, 15)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Importing]:
    made = Importing(tmp_path / "home")
    yield made
    made.end()


@pytest.mark.parametrize(
    "words", [["--artifacts-destination", "kept"], ["--no-serve-artifacts", "--default-artifact-root"]],
    ids=["proxied", "plain files"],
)  # fmt: skip
def test_everything_comes_over_from_mlflow_itself(here: Importing, tmp_path: Path, words: list[str]) -> None:
    assert PEER.exists(), "run `make .venv-peer/.installed`"
    assert CLIENT.exists()
    direct = words[0] == "--no-serve-artifacts"
    words = [*words, str(tmp_path / "root")] if direct else words
    with mlflow_server(tmp_path / "peer", *words) as peer:
        client = Client(peer, tmp_path)  # type: ignore[arg-type]  # it asks for the address only
        client.run("eli", FILL + PRODUCTION)
        here.import_and_kill(peer.url, after_files=3)
        report = here.import_from(peer.url)
        assert report["failures"] == []
        again = here.import_from(peer.url)
        assert (again["added"], again["failures"]) == ({}, [])
        assert again["differences"] == report["differences"]
        there, copied = (
            json.loads(each.run("eli", LOOK).splitlines()[-1]) for each in (client, Client(here, tmp_path))
        )
        different = {part for part in there if there[part] != copied[part]}
        assert different <= {"aliases", "copy"}, {part: (there[part], copied[part]) for part in different}
        assert copied["aliases"] == {"blue": "3"}
        unsigned = {(one["name"], one["field"], one["why"]) for one in report["differences"]}
        assert unsigned == {
            ("Imported fraud/1", "stage", "unsigned"),
            ("Imported fraud/1", "aliases", "unsigned"),
        }
        asked = here.import_from(peer.url, "--ask")
        assert asked["added"] == {}
