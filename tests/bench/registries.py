"""Two registries to measure, filled alike: Signoff as its users start it, and `mlflow server` with its defaults.

Both on SQLite, or both on databases of one PostgreSQL.
"""

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

import psycopg

from tests.bench.usage import cpu_s
from tests.browser.stack import ROOT, Stack

PEER = ROOT / ".venv-peer" / "bin"
PER_MODEL = 100
FILL = "import django; django.setup(); from tests.bench.seed import fill_plain; print(fill_plain({models}, {versions}))"
# A version has one tag, one version of each model an alias; the last changed comes last.
COUNTED = "SELECT count(*) FROM registered_models"
PADDED = {"sqlite": "printf('%05d', m)", "postgresql": "lpad(m::text, 5, '0')"}
PEER_FILL = """
WITH RECURSIVE n(m) AS (SELECT {first} UNION ALL SELECT m + 1 FROM n WHERE m + 1 < {models})
INSERT INTO registered_models (name, creation_time, last_updated_time, description)
SELECT 'model-' || {padded}, 1700000000000, 1700000000000, 'Made for timings.' FROM n;
WITH RECURSIVE n(m) AS (SELECT {first} UNION ALL SELECT m + 1 FROM n WHERE m + 1 < {models}),
v(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM v WHERE k < {versions})
INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage,
  source, run_id, status, run_link, storage_location)
SELECT 'model-' || {padded}, k, 1700000000000, 1700000000000 + CAST(k * 100000 + m AS BIGINT) * 1000, 'fine', 'dana',
  'None', 's3://models/' || m || '/' || k, '', 'READY', '', 's3://models/' || m || '/' || k FROM n, v;
INSERT INTO model_version_tags (key, value, name, version)
SELECT 'team', 'risk', name, version FROM model_versions WHERE name >= 'model-{first:05}';
INSERT INTO registered_model_aliases (alias, version, name)
SELECT 'best', 1, name FROM registered_models WHERE name >= 'model-{first:05}';
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
    address: str = ""  # of the database, where it is PostgreSQL

    def fill(self, models: int) -> None:
        """Hold `models` models of PER_MODEL versions each."""
        if self.stack:
            self.stack.django(FILL.format(models=models, versions=PER_MODEL))
        elif self.address:
            with psycopg.connect(self.address) as connection:
                first = connection.execute(COUNTED).fetchall()[0][0]
                connection.execute(_peer_fill("postgresql", first, models).encode())
        else:
            with sqlite3.connect(self.home / "mlflow.db") as base:
                (first,) = base.execute(COUNTED).fetchone()
                base.executescript(_peer_fill("sqlite", first, models))
        if self.address:
            with psycopg.connect(self.address, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")  # as its own daemon does within minutes


def _peer_fill(vendor: str, first: int, models: int) -> str:
    return PEER_FILL.format(first=first, models=models, versions=PER_MODEL, padded=PADDED[vendor])


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, str]]:
    """Start one PostgreSQL; yield the addresses of a database for Signoff and of one for the peer."""
    from tests.postgresql import Server  # noqa: PLC0415 - only this variant needs the package

    server = Server(folder)
    socket_folder = server.start()
    try:
        with psycopg.connect(host=socket_folder, user="postgres", autocommit=True) as connection:
            for name in ("signoff", "mlflow"):
                connection.execute(f"CREATE DATABASE {name}".encode())
        yield (
            f"postgresql://postgres@/signoff?host={socket_folder}",
            f"postgresql://postgres@/mlflow?host={socket_folder}",
        )
    finally:
        server.stop()


@contextmanager
def signoff(home: Path, address: str = "", **settings: str) -> Iterator[Registry]:
    """Start Signoff; moves need no approval, as on the peer, and everything else is on."""
    settings |= {"SIGNOFF_DATABASE_URL": address} if address else {}
    stack = Stack(home, SIGNOFF_APPROVALS="off", SIGNOFF_LOG_LEVEL="warning", **settings)
    try:
        started_s = cpu_s(stack.process.pid)
        token = stack.django(FILL.format(models=1, versions=PER_MODEL)).strip()
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip, deflate"}
        yield Registry("Signoff", stack.url, stack.process.pid, headers, started_s, home, stack, address)
    finally:
        stack.stop()


@contextmanager
def mlflow(home: Path, address: str = "") -> Iterator[Registry]:
    """Start `mlflow server` on SQLite, or on the PostgreSQL at `address`; on the same `home` again, too."""
    home.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store, files = address or f"sqlite:///{home / 'mlflow.db'}", str(home / "files")
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
            "MLflow",
            f"http://127.0.0.1:{port}",
            server.pid,
            {"Accept-Encoding": "gzip, deflate"},
            started_s,
            home,
            address=address,
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
