"""The whole of `manage.py up`, data plane included, killed in every way."""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from config import leftovers
from serving import processes
from serving.contract import Observed, load
from tests.faults.test_up import Served, until
from tests.serving.rig import Home, save_onnx

pytestmark = pytest.mark.faults


class Whole(Served):
    """A home and everything that serves it."""

    mode = "all"

    def pid(self, name: str) -> int:
        return int((self.home / "run" / f"{name}.pid").read_text().split()[0])

    def came_back(self, name: str, old: int) -> bool:
        return self.pid(name) != old and leftovers.lives(self.pid(name))

    def router_says(self) -> dict[str, object]:
        try:
            with urllib.request.urlopen(f"{self.note()['router']}/endpoints/absent/invocations", timeout=2):
                return {}
        except urllib.error.HTTPError as refusal:
            said: dict[str, object] = json.loads(refusal.read())
            return said
        except OSError:
            return {}


@pytest.fixture
def onnx_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "onnx"
    save_onnx(folder)
    return folder


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    whole = Whole(tmp_path / "home")
    whole.wait_ready()
    yield whole
    whole.popen.terminate()
    whole.popen.wait(10)


def test_the_whole_stack_comes_back_from_every_kill_and_leaves_nothing(whole: Whole) -> None:
    assert whole.status() == 200
    until(lambda: bool(whole.router_says()))
    for name in ("valkey", "engine", "work", "beat", "runner", "carrier", "evidence", "routes", "router"):
        old = whole.pid(name)
        os.kill(old, signal.SIGKILL)
        until(partial(whole.came_back, name, old), within_s=20)
    until(lambda: bool(whole.router_says()), within_s=20)
    until(lambda: whole.status() == 200, within_s=20)
    groups = whole.groups()
    assert len(groups) == 11
    whole.popen.kill()
    whole.popen.wait()
    until(lambda: not any(map(leftovers.lives, groups)), within_s=10)


def test_nothing_is_left_of_a_model_that_was_served_when_the_supervisor_is_killed(
    whole: Whole, onnx_folder: Path
) -> None:
    """Runner, keeper, sandbox and model server, at whatever depth, end with it."""
    home = Home(whole.home)
    home.publishing.clear()
    home.desire("fraud-1", onnx_folder)
    until(lambda: state(home, "fraud-1") == "ready", within_s=60)
    below = [(pid, processes.started(pid)) for pid in processes.descendants(whole.popen.pid)]
    assert load(home.layout.observed("fraud-1"), Observed).pid in {pid for pid, _ in below}
    assert len(below) > len(whole.groups()) + 1
    whole.popen.kill()
    whole.popen.wait()
    until(lambda: not any(processes.is_same(pid, since) for pid, since in below), within_s=10)


def state(home: Home, replica: str) -> str:
    with suppress(FileNotFoundError):
        return load(home.layout.observed(replica), Observed).state
    return ""
