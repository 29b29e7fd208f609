"""The whole of `manage.py up` on a new home, killed in every way."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from config import leftovers
from serving import processes

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.faults


class Served:
    """A home and the `up` that serves it."""

    mode = "web"
    settings: ClassVar[dict[str, str]] = {}

    def __init__(self, home: Path) -> None:
        self.home = home
        self.popen = self.up()

    def up(self, stderr: int | None = None) -> subprocess.Popen[str]:
        environment = {name: text for name, text in os.environ.items() if not name.startswith(("SIGNOFF_", "DJANGO_"))}
        environment |= self.settings
        command = [sys.executable, "manage.py", "up", "--home", str(self.home), "--port", "0", "--only", self.mode]
        return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stderr=stderr)

    def note(self) -> dict[str, object]:
        path = self.home / "run" / "up.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def wait_ready(self) -> None:
        until(lambda: self.note().get("pid") == self.popen.pid, within_s=90)

    def status(self) -> int:
        try:
            with urllib.request.urlopen(f"{self.note()['url']}/readyz", timeout=2) as answer:
                return int(answer.status)
        except OSError:
            return 0

    def groups(self) -> list[int]:
        return [int(path.read_text().split()[0]) for path in (self.home / "run").glob("*.pid")]


def until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "home")
    served.wait_ready()
    yield served
    served.popen.terminate()
    served.popen.wait(10)


def test_up_survives_its_processes_and_leaves_none_behind(served: Served) -> None:
    assert served.status() == 200

    second = served.up(stderr=subprocess.PIPE)
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"Process {served.popen.pid} already serves the home" in said

    web = int((served.home / "run" / "web.pid").read_text().split()[0])
    os.kill(web, signal.SIGKILL)
    until(lambda: not leftovers.lives(web))
    until(lambda: served.status() == 200)

    draft = served.home / "run" / "web.draft"
    draft.mkdir()  # as where the disk is full, the record of a started process cannot be written
    web = int((served.home / "run" / "web.pid").read_text().split()[0])
    os.kill(web, signal.SIGKILL)
    until(lambda: not leftovers.lives(web))
    until(lambda: served.status() == 200)
    draft.rmdir()
    until(lambda: len(served.groups()) == 2)  # it is written down once that works

    assert len(served.groups()) == 2
    groups = processes.descendants(served.popen.pid)
    served.popen.kill()
    served.popen.wait()
    until(lambda: not any(map(leftovers.lives, groups)), within_s=5)

    served.popen = served.up()
    served.wait_ready()
    assert served.status() == 200
    groups = served.groups()
    served.popen.send_signal(signal.SIGINT)
    assert served.popen.wait(6) == 0
    assert not any(map(leftovers.lives, groups))
    assert not served.note()
