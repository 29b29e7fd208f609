import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import leftovers, supervisor
from tests.config import toys

ROOT = Path(__file__).resolve().parents[2]


class Stage:
    """A folder, the supervisors started on it, and what the toys said there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.popens: list[subprocess.Popen[bytes]] = []

    def supervise(self, *roles: str) -> subprocess.Popen[bytes]:
        self.popens.append(subprocess.Popen(toys.command("supervisor", self.folder, *roles), cwd=ROOT))
        return self.popens[-1]

    def lines(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def pids(self, name: str) -> list[int]:
        return [int(line.split()[2]) for line in self.lines() if line.startswith(f"start {name} ")]

    def all_pids(self) -> list[int]:
        return [int(line.split()[2]) for line in self.lines() if line.startswith("start ")]

    def wait_ready(self) -> None:
        until(lambda: "ready" in self.lines())


def until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    return leftovers.started(pid) is None


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    for popen in stage.popens:
        popen.kill()
        popen.wait()
    for pid in stage.all_pids():
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_killed_process_runs_again(stage: Stage) -> None:
    stage.supervise("steady")
    stage.wait_ready()
    os.kill(stage.pids("steady")[0], signal.SIGKILL)
    until(lambda: len(stage.pids("steady")) == 2)
    assert not gone(stage.pids("steady")[1])


def test_workers_of_a_killed_process_end_before_it_runs_again(stage: Stage) -> None:
    stage.supervise("family")
    until(lambda: len(stage.pids("family-worker")) == 1)
    os.kill(stage.pids("family")[0], signal.SIGKILL)
    until(lambda: len(stage.pids("family")) == 2)
    assert gone(stage.pids("family-worker")[0])


def test_what_others_rely_on_starts_before_them_and_stops_after_them(stage: Stage) -> None:
    popen = stage.supervise("slow", "steady")
    stage.wait_ready()
    popen.send_signal(signal.SIGINT)
    assert popen.wait(5) == 0
    heard = [line.split()[:2] for line in stage.lines() if "supervisor" not in line]
    assert heard == [["start", "slow"], ["start", "steady"], ["ready"], ["stop", "steady"], ["stop", "slow"]]


def test_a_process_that_does_not_listen_is_killed_and_the_stop_stays_under_five_seconds(stage: Stage) -> None:
    popen = stage.supervise("steady", "stubborn")
    stage.wait_ready()
    asked = time.monotonic()
    popen.terminate()
    popen.wait(8)
    assert time.monotonic() - asked < 5
    assert all(map(gone, stage.all_pids()))
    assert "stop steady" in stage.lines()
    assert list(stage.folder.glob("*.pid")) == list(stage.folder.glob("lifeline.*")) == []


def test_nothing_is_left_when_the_supervisor_is_killed(stage: Stage) -> None:
    popen = stage.supervise("steady", "stubborn", "family")
    until(lambda: len(stage.all_pids()) == 5)
    popen.kill()
    popen.wait()
    until(lambda: all(map(gone, stage.all_pids())), within_s=5)


def test_a_process_that_fails_at_once_is_started_again_after_waits(stage: Stage) -> None:
    begun = time.monotonic()
    stage.supervise("failing")
    until(lambda: len(stage.pids("failing")) == 3)
    assert time.monotonic() - begun > 0.5 + 1.0


@pytest.mark.parametrize(
    ("last_wait_s", "ran_s", "wait_s"),
    [(0.0, 0.1, 0.5), (0.5, 0.1, 1.0), (8.0, 0.1, 10.0), (10.0, 9.9, 10.0), (10.0, 10.0, 0.5)],
)
def test_the_wait_doubles_to_a_limit_and_starts_afresh_after_a_steady_run(
    last_wait_s: float, ran_s: float, wait_s: float
) -> None:
    assert supervisor.next_wait_s(last_wait_s, ran_s) == wait_s


def test_a_group_left_by_an_earlier_run_is_swept(stage: Stage) -> None:
    family = subprocess.Popen(toys.command("family", stage.folder, "family"), cwd=ROOT, start_new_session=True)
    stage.popens.append(family)
    leftovers.record(stage.folder / "family.pid", family.pid)
    until(lambda: len(stage.all_pids()) == 2)
    family.kill()
    family.wait()
    assert not gone(stage.pids("family-worker")[0])

    assert leftovers.sweep(stage.folder) == ["family"]
    until(lambda: all(map(gone, stage.all_pids())))
    assert leftovers.sweep(stage.folder) == []


@pytest.mark.parametrize("word", [1, 2], ids=["another start time", "another boot"])
def test_a_stranger_with_a_recorded_number_is_left_alone(stage: Stage, word: int) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    stage.popens.append(stranger)
    record = stage.folder / "web.pid"
    leftovers.record(record, stranger.pid)
    words = record.read_text().split()
    words[word] = "1"
    record.write_text(" ".join(words))

    assert leftovers.sweep(stage.folder) == []
    assert stranger.poll() is None
    assert not record.exists()
