"""The server and the unmodified client, each in its own process and environment."""

import os
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.homes import ROOT
from tests.wire.server import Server

CLIENT = Path(os.environ.get("TEST_CLIENT_PYTHON", ROOT / ".venv-client" / "bin" / "python"))
BEGIN = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
client = MlflowClient()


def refusal(deed, *args, **named):
    try:
        deed(*args, **named)
    except MlflowException as why:
        return why.error_code, why.message
    raise AssertionError("it was not refused")


"""


class Client:
    """Runs scripts under the client's Python as one of the named people."""

    def __init__(self, server: Server, folder: Path, python: Path = CLIENT) -> None:
        if not python.exists():
            pytest.fail(f"{python} is missing: run `make install`, or set TEST_CLIENT_PYTHON.")
        self.server, self.folder, self.python = server, folder, python

    def run(self, name: str, script: str, **environment: str) -> str:
        """Run `script` as `name` and return what it printed; `client`, `mlflow` and `refusal` are there."""
        return self.start([str(self.python), "-c", BEGIN + textwrap.dedent(script)], name, **environment)

    def start(self, command: list[str], name: str, **environment: str) -> str:
        """Run `command` as `name`, or as the environment says, and return what it printed."""
        who = environment or {"MLFLOW_TRACKING_TOKEN": self.server.token(name)}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "MLFLOW_TRACKING_URI": self.server.url,
                "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
                **who,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.server.log.read_text()[-4000:]}"
        return done.stdout


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the session."""
    made = Server(tmp_path_factory.mktemp("wire") / "home")
    yield made
    made.end()


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Client:
    """The unmodified MLflow client."""
    return Client(server, tmp_path)
