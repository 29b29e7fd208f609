"""Predictions through router, token, sandbox and evidence; beside them `mlflow models serve` and the KServe SDK."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from serving import environments
from serving.contract import SHARES, Desired, Observed, Routes, TrackRoute, dump
from serving.contract import load as read
from serving.router import admin
from tests.bench.load import Measured, measure, request
from tests.serving.rig import ROOT, TOKEN, Home, client_models, save_onnx
from tests.serving.test_together import plane
from tests.serving.waiting import until

pytestmark = pytest.mark.bench
PEER, KSERVE = ROOT / ".venv-peer" / "bin", ROOT / ".venv-kserve" / "bin" / "python"
PEERS = Path(__file__).with_name("peers")
SECONDS, ROUNDS = 2.0, 3
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
Goals = dict[tuple[int, int], float]  # times the peer's speed, by rows and connections
OVER_MLFLOW: Goals = {(1, 16): 20}
OVER_KSERVE: Goals = {(1, 16): 4, (100, 16): 2}
LOADS = ((1, 1), (1, 16), (100, 1), (100, 16))  # rows, connections


@dataclass(frozen=True)
class Server:
    """Where a model answers, how long it took to, and how it is asked."""

    name: str
    url: str
    start_s: float
    is_v2: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, split: dict[str, list[Any]], rows: int) -> bytes:
        """Return the bytes that ask for predictions of so many rows."""
        data = (split["data"] * 100)[:rows]
        body: dict[str, Any] = {"dataframe_split": {"columns": split["columns"], "data": data}}
        if self.is_v2:
            flat = [value for row in data for value in row]
            table = {"name": "X", "shape": [rows, len(split["columns"])], "datatype": "FP32", "data": flat}
            body = {"id": "bench", "inputs": [table]}
        return request(self.url, json.dumps(body).encode(), self.headers)


@dataclass(frozen=True)
class Compared:
    """What was measured, as a table, and its lines that missed a goal."""

    table: str
    missed: list[str]


@contextmanager
def ours(model: Path, tmp: Path) -> Iterator[list[Server]]:
    home = Home(tmp / "home")
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
        paths = (("/invocations", False), ("/v2/models/scorer/infer", True))
        url = f"http://127.0.0.1:{port}/endpoints/fraud"
        yield [Server("Signoff", f"{url}{path}", took_s, is_v2, AUTHORISED) for path, is_v2 in paths]


def _is_ready(home: Home, wanted: Desired) -> bool:
    try:
        return read(home.layout.observed(wanted.replica), Observed).state == "ready"
    except FileNotFoundError:
        return False


@contextmanager
def peer(name: str, command: Sequence[object], ready: str, answers: str, *, is_v2: bool = False) -> Iterator[Server]:
    """Run a peer's server; PORT in its command is a free one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "PATH": f"{PEER}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    words = [port if word == "PORT" else str(word) for word in command]
    begun = time.perf_counter()
    server = subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}{ready}"), within_s=120)
        yield Server(name, f"http://127.0.0.1:{port}{answers}", time.perf_counter() - begun, is_v2)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def mlflows(model: Path) -> AbstractContextManager[Server]:
    command = [PEER / "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "-p", "PORT"]
    return peer("MLflow", command, "/ping", "/invocations")


def kserves(model: Path) -> AbstractContextManager[Server]:
    path = "/v2/models/boosted"
    return peer(
        "KServe", [KSERVE, PEERS / "serve_kserve.py", model, "PORT"], f"{path}/ready", f"{path}/infer", is_v2=True
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def side_by_side(servers: Sequence[Server], split: dict[str, list[Any]], title: str, goals: Goals) -> Compared:
    """Return a table of what each server did, all of them up, one asked at a time, in turns; and what missed a goal."""
    missed: list[str] = []
    lines = [f"\n{title}", f"start: {', '.join(f'{server.name} {server.start_s:.1f} s' for server in servers)}"]
    for rows, connections in LOADS:
        seen: list[list[Measured]] = [[] for _ in servers]
        for turn in range(ROUNDS):
            order = list(enumerate(servers))
            for place, server in order if turn % 2 else order[::-1]:
                said = server.request(split, rows)
                measure(server.url, said, connections=connections, seconds=0.5)
                seen[place].append(measure(server.url, said, connections=connections, seconds=SECONDS))
        middle = [sorted(each, key=lambda one: one.per_s)[ROUNDS // 2] for each in seen]
        words = [
            f"{server.name} {one.per_s:,.0f}/s (p50 {one.p50_ms:.1f}, p99 {one.p99_ms:.1f} ms)"
            + ("" if server is servers[0] else f" {middle[0].per_s / one.per_s:.1f}x")
            for server, one in zip(servers, middle, strict=True)
        ]
        lines.append(f"{rows} rows, {connections} connections: {'; '.join(words)}")
        if middle[0].per_s / middle[-1].per_s < goals.get((rows, connections), 0):
            missed.append(lines[-1])
    return Compared("\n".join(lines), missed)


def test_a_scikit_learn_model_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = client_models() / "skops"
    split = json.loads((model.parent / "rows.json").read_text())
    with ours(model, tmp_path) as (mine, _), mlflows(model) as theirs:
        seen = side_by_side([mine, theirs], split, "a scaler and a logistic regression, by scikit-learn", {})
    with capsys.disabled():
        print(seen.table)


def test_the_same_trees_exported_to_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ((KSERVE, "export_onnx.py", tmp_path), (PEER / "python", "save_mlflow.py", tmp_path / "boosted"))
    for python, script, folder in made:
        subprocess.run([str(python), str(PEERS / script), str(folder)], check=True, capture_output=True)
    split = json.loads((tmp_path / "rows.json").read_text())
    model = tmp_path / "onnx"
    save_onnx(model, (tmp_path / "boosted.onnx").read_bytes(), split["columns"])
    with ours(model, tmp_path) as (rest, v2):
        with mlflows(tmp_path / "boosted") as theirs:
            first = side_by_side(
                [rest, theirs], split, "200 boosted trees: ONNX here, scikit-learn there, /invocations", OVER_MLFLOW
            )
        with kserves(tmp_path / "boosted.onnx") as theirs:
            second = side_by_side([v2, theirs], split, "200 boosted trees: ONNX in both, protocol 2", OVER_KSERVE)
    with capsys.disabled():
        print(first.table, second.table)
    assert not [*first.missed, *second.missed]
