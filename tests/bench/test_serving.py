"""Predictions through router, token, sandbox and evidence against `mlflow models serve`: one model, one run."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from serving import environments
from serving.contract import SHARES, Desired, Observed, Routes, TrackRoute, dump
from serving.contract import load as read
from serving.router import admin
from tests.bench.load import Measured, measure, request
from tests.serving.rig import ROOT, TOKEN, Home, client_models
from tests.serving.test_together import plane
from tests.serving.waiting import until

pytestmark = pytest.mark.bench
PEER = ROOT / ".venv-peer" / "bin"
SECONDS = 4.0
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Server:
    """Where a model answers, and how long it took to."""

    url: str
    headers: dict[str, str]
    start_s: float


@contextmanager
def ours(home: Home, model: Path, tmp: Path) -> Iterator[Server]:
    wanted = replace(home.desire("sk-1", model), endpoint="fraud")
    home.layout.desired(wanted.replica).unlink()
    lock = home.layout.lock(wanted.lock_digest)
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_bytes((home.layout.environment(wanted.lock_digest) / environments.MARKER).read_bytes())
    with plane(home.layout.home, tmp):
        begun = time.perf_counter()
        dump(home.layout.desired(wanted.replica), wanted)
        until(lambda: _is_ready(home, wanted), within_s=60)
        tracks = (TrackRoute("stable", (wanted.replica,), SHARES),)
        dump(home.layout.routes("fraud"), Routes("fraud", 1, 1, "k", "r", "route", "5a" * 32, tracks))
        until(lambda: home.layout.routed("fraud").exists(), within_s=10)
        took_s = time.perf_counter() - begun
        port = admin.port(home.layout.admin_socket)
        yield Server(f"http://127.0.0.1:{port}/endpoints/fraud/invocations", AUTHORISED, took_s)


def _is_ready(home: Home, wanted: Desired) -> bool:
    try:
        return read(home.layout.observed(wanted.replica), Observed).state == "ready"
    except FileNotFoundError:
        return False


@contextmanager
def mlflows(model: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(PEER / "mlflow"), "models", "serve", "-m", str(model), "--env-manager", "local", "-p", str(port)]
    environment = {**os.environ, "PATH": f"{PEER}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    begun = time.perf_counter()
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/ping"), within_s=120)
        yield Server(f"http://127.0.0.1:{port}/invocations", {}, time.perf_counter() - begun)
    finally:
        server.terminate()
        server.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def run(server: Server, split: dict[str, list[object]], rows: int, connections: int) -> Measured:
    many = {"columns": split["columns"], "data": (split["data"] * 10)[:rows]}
    said = request(server.url, json.dumps({"dataframe_split": many}).encode(), server.headers)
    measure(server.url, said, connections=connections, seconds=1.0)
    return measure(server.url, said, connections=connections, seconds=SECONDS)


LOADS = ((1, 1), (1, 16), (100, 16))


def test_predictions_a_second_against_mlflow_models_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = client_models() / "skops"
    split = json.loads((model.parent / "rows.json").read_text())
    home = Home(tmp_path / "home")
    with ours(home, model, tmp_path) as server:
        mine, my_start_s = [run(server, split, *load) for load in LOADS], server.start_s
    home.publishing.clear()
    with mlflows(model) as server:
        theirs, their_start_s = [run(server, split, *load) for load in LOADS], server.start_s
    with capsys.disabled():
        print(f"\nstart: {my_start_s:.1f} s against {their_start_s:.1f} s, {their_start_s / my_start_s:.1f}x")
        for load, mine_now, theirs_now in zip(LOADS, mine, theirs, strict=True):
            times = f"{mine_now.per_s / theirs_now.per_s:.1f}x"
            print(f"{load[0]} rows, {load[1]} connections: {words(mine_now)} against {words(theirs_now)}, {times}")


def words(seen: Measured) -> str:
    return f"{seen.per_s:,.0f}/s (p50 {seen.p50_ms:.1f}, p99 {seen.p99_ms:.1f} ms)"
