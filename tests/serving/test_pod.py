"""A pod's server as a process: it answers as every model server does, and tells of requests itself."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitoring.handed_over import Served, hand_over
from serving import contract, launching
from serving.contract import Desired, FeaturePolicy, Layout
from serving.pod.__main__ import LATER
from tests.serving.rig import ROOT, TOKEN, Home, save_onnx
from tests.serving.waiting import until

ROW = {"f0": 1.0, "f1": 2.0, "f2": 3.0}
WAY = {"x-signoff-track": "canary", "x-signoff-share": "500", "x-signoff-step": "5", "x-signoff-rollout": "ro-1"}


class Pod:
    """One pod's server."""

    def __init__(self, layout: Layout, desired: Desired, words: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.layout, self.desired, self.words = layout, desired, words
        said = {
            "POD_HOME": str(layout.home), "POD_ORDER": contract.text_of(replace(desired, manifest=())),
            "POD_SIGNOFF": "http://127.0.0.1:9", "POD_TOKEN": "/nowhere", "POD_PORT": str(self.port),
            "POD_WORDS": str(words), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.process = subprocess.Popen([sys.executable, "-m", "serving.pod", "serve"], env=said, cwd="/")

    def ask(self, body: Any, **heads: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        text = json.dumps(body)
        sent = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}", **heads}
        connection.request("POST", "/invocations", text, sent)
        status = connection.getresponse().status
        connection.close()
        return status

    def is_ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            assert self.process.poll() is None, self.words.read_text()
            return False

    @property
    def lines(self) -> list[dict[str, Any]]:
        path = self.layout.evidence(self.desired.replica)
        return [json.loads(one) for one in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    home = Home(tmp_path / "home")
    save_onnx(tmp_path / "model")
    desired = home.desire("fraud-v3-0", tmp_path / "model")
    launching.prepare(home.layout, desired)
    policy = FeaturePolicy(100.0, ("f1",), (), "")
    contract.dump(home.layout.feature_policy("fraud"), policy)
    made = Pod(home.layout, desired, tmp_path / "words")
    try:
        until(made.is_ready, 60)
        yield made
    finally:
        home.publishing.clear()
        made.process.kill()
        made.process.wait()


def test_a_pods_server_tells_of_each_request_as_signoff_takes_it(pod: Pod) -> None:
    unit = {"x-request-id": "q1", "x-signoff-unit": "u7", **WAY}
    assert pod.ask({"dataframe_records": [ROW]}, **unit) == 200
    assert pod.ask({"dataframe_records": [ROW, ROW]}, **{"x-request-id": "q2"}) == 200
    assert pod.ask({"dataframe_records": [{"f0": "no number"}]}, **{"x-request-id": "q3"}) == 400
    assert pod.ask({"dataframe_records": [ROW]}, authorization="Bearer wrong") == 401
    until(lambda: len(pod.lines) == 3)
    one, two, three = pod.lines
    assert (one["request_id"], one["version"], one["status"], one["unit"]) == ("q1", "3", 200, "u7")
    assert (one["track"], one["share_pct"], one["step"], one["rollout"]) == ("canary", 5.0, "5", "ro-1")
    assert one["features"] == {"f0": 1.0, "f2": 3.0}
    assert one["prediction"] is not None
    assert (two["track"], two["share_pct"], "features" in two, "prediction" in two) == ("stable", 100.0, False, False)
    assert (three["request_id"], three["status"], "prediction" in three) == ("q3", 400, False)
    entries: list[Any] = []
    said = hand_over(
        b"\n".join(json.dumps(line).encode() for line in pod.lines),
        Served("fraud", "scorer", FeaturePolicy(100.0, (), (), ""), lambda _: "d" * 64),
        entries.extend,
    )
    assert (said.taken, said.problems) == (3, [])
    assert [kind for kind, _ in entries] == ["routed", "inference", "routed", "inference", "routed"]
    pod.process.send_signal(signal.SIGTERM)
    assert pod.process.wait(15) == 0


def test_a_model_that_cannot_be_loaded_leaves_its_reason_for_the_cluster(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    save_onnx(tmp_path / "model", content=b"no model")
    desired = home.desire("fraud-v3-0", tmp_path / "model")
    launching.prepare(home.layout, desired)
    made = Pod(home.layout, desired, tmp_path / "words")
    assert made.process.wait(60) == contract.FOR_GOOD
    assert "cannot be loaded" in made.words.read_text()
    home.publishing.clear()


def test_a_teller_that_is_told_to_stop_ends_at_once(tmp_path: Path) -> None:
    order = Desired("fraud-v3-0", "fraud", "scorer", "3", "a" * 64, (), "b" * 64, "required", 512, 0, "", "")
    said = {
        "POD_HOME": str(tmp_path), "POD_ORDER": contract.text_of(order), "POD_SIGNOFF": "http://127.0.0.1:9",
        "POD_TOKEN": "/nowhere", "POD_PORT": "0", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-m", "serving.pod", "tell"]
    with subprocess.Popen(command, env=said, cwd="/", stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "token cannot be read" in process.stderr.readline()
        begun = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 5


def test_a_container_without_its_variables_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "serving.pod", "pull"]
    said = {"PYTHONPATH": str(ROOT), "POD_WORDS": str(tmp_path / "words")}
    done = subprocess.run(command, env=said, cwd="/", capture_output=True, check=False)
    assert done.returncode == contract.FOR_GOOD != LATER
    assert "POD_ORDER" in (tmp_path / "words").read_text()
