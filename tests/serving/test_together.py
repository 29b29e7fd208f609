"""Runner, router and real model servers: replaced under load without a lost request."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config import lifeline
from serving import environments
from serving.contract import SHARES, Layout, Observed, Routed, Routes, TrackRoute, dump, load
from serving.router import admin
from tests.serving.rig import TOKEN, Home
from tests.serving.waiting import until

ROOT = Path(__file__).resolve().parents[2]
ROWS = json.dumps({"dataframe_split": {"columns": ["f0", "f1", "f2"], "data": [[1, 0, 1]]}}).encode()


@contextmanager
def plane(home: Path, run: Path) -> Iterator[None]:
    """Run the three processes as `up` does."""
    commands = [
        ["serving.runner", "--home", str(home), "--offline"],
        ["serving.router", "serve", "--home", str(home), "--port", "0"],
        ["serving.router", "follow", "--home", str(home)],
    ]
    with lifeline.offered(run) as line:
        environment = {**os.environ, "LIFELINE": str(line)}
        popens = [subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, env=environment) for words in commands]
        try:
            until(lambda: admin.is_ready(Layout(home).admin_socket))
            yield
        finally:
            for popen in popens:
                popen.kill()
                popen.wait()


def predict(port: int) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/endpoints/fraud/invocations",
        ROWS,
        {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as why:
        return why.code


class Load:
    """Asks for predictions until told to stop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.statuses: list[int] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.ask) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def ask(self) -> None:
        while not self.stop.wait(0.01):
            self.statuses.append(predict(self.port))

    def end(self) -> list[int]:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return self.statuses


@pytest.mark.faults
def test_a_version_is_replaced_under_load_and_no_prediction_is_lost(
    own_home: Home, onnx_folder: Path, tmp_path: Path
) -> None:
    layout = own_home.layout

    def deploy(replica: str) -> None:
        digest = own_home.environment(onnx_folder)
        layout.lock(digest).parent.mkdir(parents=True, exist_ok=True)
        layout.lock(digest).write_bytes((layout.environment(digest) / environments.MARKER).read_bytes())
        own_home.desire(replica, onnx_folder)
        seen = layout.observed(replica)
        until(lambda: seen.exists() and load(seen, Observed).state == "ready", 60)

    def route(version: int, rollout: str, **shares: int) -> None:
        tracks = tuple(TrackRoute(track, (f"{rollout}-{track}",), share) for track, share in shares.items())  # type: ignore[arg-type]
        dump(layout.routes("fraud"), Routes("fraud", version, 1, f"k{version}", rollout, "s", "ab" * 16, tracks))
        until(lambda: layout.routed("fraud").exists() and load(layout.routed("fraud"), Routed).version == version)

    with plane(layout.home, tmp_path):
        deploy("r1-stable")
        route(1, "r1", stable=SHARES)
        load_now = Load(admin.port(layout.admin_socket))
        deploy("r1-canary")
        route(2, "r1", stable=5000, canary=5000)
        time.sleep(0.5)
        route(3, "r1", stable=0, canary=SHARES)
        layout.desired("r1-stable").unlink()
        until(lambda: load(layout.observed("r1-stable"), Observed).state == "stopped")
        time.sleep(0.5)
        statuses = load_now.end()
    assert set(statuses) == {200}
    assert len(statuses) > 100
    lines = [json.loads(line) for line in layout.access_log.read_text().splitlines()]
    assert {line["track"] for line in lines} == {"stable", "canary"}
    assert dataclasses.asdict(load(layout.routed("fraud"), Routed))["shares"] == {"canary": SHARES, "stable": 0}
