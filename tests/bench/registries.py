"""Two registries to measure, filled alike: Signoff as its users start it, and `mlflow server` with its defaults."""

import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.usage import cpu_s
from tests.browser.stack import ROOT, Stack

PEER = ROOT / ".venv-peer" / "bin"
PER_MODEL = 100
FILL = "import django; django.setup(); from tests.bench.seed import fill_plain; print(fill_plain({models}, {versions}))"
# A version has one tag, one version of each model an alias; the last changed comes last.
PEER_FILL = """
WITH RECURSIVE n(m) AS (SELECT {first} UNION ALL SELECT m + 1 FROM n WHERE m + 1 < {models})
INSERT INTO registered_models (name, creation_time, last_updated_time, description)
SELECT printf('model-%05d', m), 1700000000000, 1700000000000, 'Made for timings.' FROM n;
WITH RECURSIVE n(m) AS (SELECT {first} UNION ALL SELECT m + 1 FROM n WHERE m + 1 < {models}),
v(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM v WHERE k < {versions})
INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage,
  source, run_id, status, run_link, storage_location)
SELECT printf('model-%05d', m), k, 1700000000000, 1700000000000 + (k * 100000 + m) * 1000, 'fine', 'dana', 'None',
  's3://models/' || m || '/' || k, '', 'READY', '', 's3://models/' || m || '/' || k FROM n, v;
INSERT INTO model_version_tags (key, value, name, version)
SELECT 'team', 'risk', name, version FROM model_versions WHERE name >= printf('model-%05d', {first});
INSERT INTO registered_model_aliases (alias, version, name)
SELECT 'best', 1, name FROM registered_models WHERE name >= printf('model-%05d', {first});
"""


@dataclass
class Registry:
    """A server: its address, its main process, the headers of a call, the seconds of processor time it began with."""

    name: str
    url: str
    pid: int
    headers: dict[str, str] = field(default_factory=dict)
    start_cpu_s: float = 0.0
    home: Path = Path()
    stack: Stack | None = None

    def fill(self, models: int) -> None:
        """Hold `models` models of PER_MODEL versions each."""
        if self.stack:
            self.stack.django(FILL.format(models=models, versions=PER_MODEL))
            return
        with sqlite3.connect(self.home / "mlflow.db") as base:
            (first,) = base.execute("SELECT count(*) FROM registered_models").fetchone()
            base.executescript(PEER_FILL.format(first=first, models=models, versions=PER_MODEL))


@contextmanager
def signoff(home: Path, **settings: str) -> Iterator[Registry]:
    """Start Signoff; moves need no approval, as on the peer, and everything else is on."""
    stack = Stack(home, SIGNOFF_APPROVALS="off", SIGNOFF_LOG_LEVEL="warning", **settings)
    try:
        started_s = cpu_s(stack.process.pid)
        token = stack.django(FILL.format(models=1, versions=PER_MODEL)).strip()
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip, deflate"}
        yield Registry("Signoff", stack.url, stack.process.pid, headers, started_s, home, stack)
    finally:
        stack.stop()


@contextmanager
def mlflow(home: Path) -> Iterator[Registry]:
    """Start `mlflow server` on SQLite."""
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store, files = f"sqlite:///{home / 'mlflow.db'}", str(home / "files")
    command = [str(PEER / "mlflow"), "server", "--port", str(port), "--backend-store-uri", store]
    environment = {**os.environ, "PATH": f"{PEER}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--artifacts-destination", files],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, within_s=180)
        started_s = cpu_s(server.pid)
        registry = Registry(
            "MLflow", f"http://127.0.0.1:{port}", server.pid, {"Accept-Encoding": "gzip, deflate"}, started_s, home
        )
        registry.fill(1)
        yield registry
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait(url: str, server: "subprocess.Popen[bytes]", within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert server.poll() is None, "the peer ended"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the peer did not start")
