"""The runner, with small servers that behave in all the ways models do, and once with a real one."""

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from config import lifeline
from serving import environments, launching, processes
from serving.cleaning import cleaned
from serving.contract import Desired, FileLine, Layout, Observed, dump, load, manifest_digest
from serving.runner.__main__ import TAKEN
from serving.runner.pace import Pace
from tests.serving import toy_runner
from tests.serving.rig import Home
from tests.serving.waiting import until

ROOT = Path(__file__).resolve().parents[2]
FILES = (FileLine("MLmodel", "0" * 64, 1),)


class Stage:
    """A home, a lifeline and the runners started there."""

    def __init__(self, home: Path, line: Path) -> None:
        self.layout = Layout(home)
        self.environment = {**os.environ, "LIFELINE": str(line)}
        self.popens: list[subprocess.Popen[bytes]] = []
        self.run()

    def run(self) -> None:
        command = toy_runner.command("runner", self.layout.home)
        self.popens.append(subprocess.Popen(command, cwd=ROOT, env=self.environment))

    def kill(self) -> None:
        self.popens[-1].kill()
        self.popens[-1].wait()

    def desire(self, replica: str, model: str = "steady", fence: int = 1, version: str = "1") -> Desired:
        desired = Desired(
            replica=replica,
            endpoint="fraud",
            model=model,
            version=version,
            digest=manifest_digest(FILES),
            manifest=FILES,
            lock_digest="0" * 64,
            sandbox="required",
            memory_mb=256,
            fence=fence,
            rollout_id="r1",
            key=f"key-{fence}-{version}",
        )
        dump(self.layout.desired(replica), desired)
        return desired

    def seen(self, replica: str) -> Observed:
        return load(self.layout.observed(replica), Observed)

    def until(self, replica: str, state: str, why: str = "", *, within_s: float = 15.0) -> Observed:
        def is_so() -> bool:
            try:
                seen = self.seen(replica)
            except FileNotFoundError:
                return False
            return seen.state == state and why in seen.why

        until(is_so, within_s)
        return self.seen(replica)

    def pids(self, replica: str) -> list[int]:
        return [int(words[2]) for words in self.log() if words[:2] == ["start", replica]]

    def log(self) -> list[list[str]]:
        log = self.layout.home / "toys"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with lifeline.offered(tmp_path) as line:
        stage = Stage(tmp_path / "h", line)
        yield stage
        for popen in stage.popens:
            popen.kill()
            popen.wait()
    pids = [int(words[2]) for words in stage.log() if words[0] == "start"]
    for pid in pids:
        if processes.started(pid):
            os.killpg(pid, signal.SIGKILL)


def gone(pid: int) -> bool:
    return processes.started(pid) is None


def test_a_desired_replica_is_built_started_and_reported_ready(stage: Stage) -> None:
    desired = stage.desire("one", "slow")
    stage.until("one", "installing")
    stage.desire("two")
    stage.until("two", "ready")
    assert stage.seen("one").state == "installing"
    seen = stage.until("one", "ready", "Nothing holds a toy.")
    assert (seen.key, seen.fence, seen.digest) == (desired.key, 1, desired.digest)
    assert seen.pid == stage.pids("one")[0]
    assert processes.is_same(seen.pid, seen.started)
    until(lambda: stage.seen("one").at > seen.at)


def test_a_killed_server_is_started_again(stage: Stage) -> None:
    stage.desire("one")
    first = stage.until("one", "ready")
    assert first.pid
    os.kill(first.pid, signal.SIGKILL)
    stage.until("one", "starting", "The model server was killed by signal 9 (SIGKILL).")
    second = stage.until("one", "ready")
    assert second.pid != first.pid
    assert "was killed by signal 9 (SIGKILL)" in second.trouble
    assert second.why == first.why
    assert len(stage.pids("one")) == 2


def test_a_new_life_begins_without_files_of_the_last_but_for_records_that_are_no_flood(stage: Stage) -> None:
    stage.desire("one")
    first = stage.until("one", "ready")
    records = stage.layout.evidence("one")
    flood, left = records.with_name(f"{records.name}.1"), records.with_name("model.tmp")
    records.write_text("{}\n")
    left.write_text("x")
    with flood.open("wb") as file:
        file.truncate(65 * 2**20)
    assert first.pid
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: stage.seen("one").pid not in {None, first.pid})
    assert [path.exists() for path in (records, flood, left)] == [True, False, False]


def test_an_undesired_server_drains_and_one_that_does_not_is_killed_with_its_group(stage: Stage) -> None:
    stage.desire("one")
    stage.desire("two", "deaf")
    stage.until("one", "ready")
    deaf = stage.until("two", "ready").pid
    assert deaf
    below = processes.descendants(deaf)
    assert len(below) == 1
    for name in ("one", "two"):
        stage.layout.desired(name).unlink()
    stage.until("one", "stopped")
    assert ["drained", "one"] in stage.log()
    assert stage.seen("two").state == "draining"
    stage.until("two", "stopped")
    assert gone(deaf)
    until(lambda: gone(below[0]))
    until(lambda: not stage.layout.observed("one").exists())
    assert not stage.layout.temporary("one").exists()


def test_a_killed_runner_finds_its_servers_again(stage: Stage) -> None:
    names = ["one", "two", "three"]
    for name in names:
        stage.desire(name)
    before = [stage.until(name, "ready").pid for name in names]
    stage.kill()
    stage.desire("two", fence=2)
    stage.desire("three", version="2")
    began = time.time()
    stage.run()
    until(lambda: stage.seen("two").fence == 2)
    until(lambda: stage.seen("one").at > began)
    assert [stage.seen(name).pid for name in ("one", "two")] == before[:2]
    until(lambda: len(stage.pids("three")) == 2)
    stage.until("three", "ready")
    assert [len(stage.pids(name)) for name in names] == [1, 1, 2]
    assert all(gone(pid) for pid in stage.pids("three")[:1])

    stage.kill()
    stage.layout.desired("one").unlink()
    stage.run()
    stage.until("one", "stopped")
    assert before[0]
    assert gone(before[0])


def test_a_server_that_nobody_wrote_down_is_ended(stage: Stage) -> None:
    desired = stage.desire("one")
    stage.until("one", "ready")
    stage.kill()
    known = stage.pids("one")
    stage.layout.observed("one").unlink()
    stage.run()
    until(lambda: len(stage.pids("one")) == 2)
    assert gone(known[0])
    stage.until("one", "ready")
    assert desired.replica == "one"


def test_a_second_runner_of_a_home_goes_away(stage: Stage) -> None:
    stage.desire("one")
    stage.until("one", "ready")
    stage.run()
    assert stage.popens[-1].wait(10) == 3


def test_an_older_fence_is_refused_and_what_runs_goes_on(stage: Stage) -> None:
    stage.desire("one", fence=5)
    first = stage.until("one", "ready")
    stage.desire("one", fence=4, version="2")
    seen = stage.until("one", "ready", "Refused: fence 4 is older than 5")
    assert (seen.pid, seen.key, seen.fence) == (first.pid, first.key, 5)
    (stage.layout.desired("one")).write_text("{")
    stage.until("one", "ready", "is not JSON")
    assert first.pid
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: len(stage.pids("one")) == 2)
    stage.until("one", "ready", "is not JSON")
    stage.desire("one", fence=6, version="3")
    until(lambda: stage.until("one", "ready").fence == 6)
    assert [words[3] for words in stage.log() if words[0] == "start"] == ["1", "1", "3"]


def test_another_version_replaces_the_first_and_a_new_key_does_not(stage: Stage) -> None:
    stage.desire("one")
    first = stage.until("one", "ready")
    stage.desire("one", fence=2)
    until(lambda: stage.seen("one").key == "key-2-1")
    assert stage.seen("one").pid == first.pid
    stage.desire("one", fence=2, version="2")
    until(lambda: len(stage.pids("one")) == 2)
    assert ["drained", "one"] in stage.log()
    assert stage.until("one", "ready").key == "key-2-2"


def test_quick_deaths_in_a_row_are_a_failure_and_say_why_without_credentials(stage: Stage) -> None:
    stage.desire("one", "dying")
    seen = stage.until("one", "failed", "It ended 3 times in a row. It is tried again in 30 s.")
    assert len(stage.pids("one")) == 3
    assert "loading https://…@models.example/x" in seen.why
    assert "hunter2" not in seen.why
    assert seen.pid is None
    stage.desire("one", "steady", fence=2)
    stage.until("one", "ready")


def test_an_environment_that_cannot_be_built_is_a_failure_at_once(stage: Stage) -> None:
    stage.desire("one", "unbuildable")
    stage.until("one", "failed", "torch==99 cannot be had. It is tried again in 30 s.")
    stage.layout.desired("one").unlink()
    stage.until("one", "stopped")


def test_a_server_that_is_never_ready_and_one_that_hangs_are_ended(stage: Stage) -> None:
    stage.desire("one", "stillborn")
    stage.desire("two", "hanging")
    stage.until("one", "starting", "It was not ready after 3 s")
    until(lambda: len(stage.pids("two")) > 1, within_s=20)
    assert gone(stage.pids("one")[0])
    assert gone(stage.pids("two")[0])


@pytest.mark.faults
def test_nothing_is_left_when_the_lifeline_ends(tmp_path: Path) -> None:
    with lifeline.offered(tmp_path) as line:
        stage = Stage(tmp_path / "h", line)
        stage.desire("one")
        stage.until("one", "ready")
    assert stage.popens[0].wait(5) in {0, 1}
    until(lambda: gone(stage.pids("one")[0]), within_s=5)


@pytest.fixture
def ordered(own_home: Home, onnx_folder: Path) -> Desired:
    desired = own_home.desire("real", onnx_folder)
    text = (own_home.layout.environment(desired.lock_digest) / environments.MARKER).read_text(encoding="utf-8")
    lock = own_home.layout.lock(desired.lock_digest)
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(text, encoding="utf-8")
    return desired


@pytest.mark.faults
def test_a_real_model_is_served_kept_over_the_runners_death_and_ends_with_the_lifeline(
    own_home: Home, ordered: Desired, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "serving.runner", "--home", str(own_home.layout.home), "--offline"]

    def state() -> Observed | None:
        path = own_home.layout.observed("real")
        return load(path, Observed) if path.exists() else None

    with lifeline.offered(tmp_path) as line:
        environment = {**os.environ, "LIFELINE": str(line)}
        runner = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            until(lambda: (seen := state()) and seen.state in {"ready", "failed"}, within_s=60)
            first = state()
            assert first
            assert first.state == "ready", first.why
            assert first.pid
            below = processes.descendants(first.pid)
            runner.kill()
            runner.wait()
            runner = subprocess.Popen(command, cwd=ROOT, env=environment)
            until(lambda: (seen := state()) and seen.at > first.at + 3)
            now = state()
            assert now
            assert (now.pid, now.started, now.state, now.isolation) == (
                first.pid,
                first.started,
                "ready",
                first.isolation,
            )
            dump(own_home.layout.desired("real"), dataclasses.replace(ordered, key="again", fence=2))
            until(lambda: (seen := state()) and seen.key == "again" and seen.pid == first.pid)
        finally:
            runner.kill()
            runner.wait()
    until(lambda: all(gone(pid) for pid in [first.pid or 0, *below]), within_s=5)


@pytest.mark.parametrize(("quick", "wait_s"), [(1, 0.5), (2, 1), (4, 4), (5, 60), (6, 120), (9, 600), (99, 600)])
def test_the_wait_doubles_and_then_is_long(quick: int, wait_s: float) -> None:
    assert Pace().wait_s(quick) == wait_s
    assert Pace().has_failed(quick) == (quick >= 5)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("No module named 'torch'", "No module named 'torch'"),
        ("postgres://me:pw@db/x refused", "postgres://…@db/x refused"),
        ("Authorization: Bearer abcdef123456", "Authorization: …"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": …, "n": 1}'),
        ("AWS_SECRET_ACCESS_KEY=abc/def", "AWS_SECRET_ACCESS_KEY=…"),
        ("key AKIAABCDEFGHIJKLMNOP used", "key … used"),
        ("\x1b[31mred\x1b[0m\x07", "red"),
        ("sgn_4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c", "…"),
        ("/home/models/serving/envs/lib/python3.11/site-packages/x.py", None),
        ("x" * 2000, "x" * 800),
    ],
)
def test_last_words_are_shown_without_credentials(said: str, shown: str | None) -> None:
    assert cleaned(said) == (said if shown is None else shown)


def test_digests_stay_in_our_own_sentences() -> None:
    said = f"MLmodel holds other bytes: {'ab12' * 16}."
    assert cleaned(said, ours=True) == said
    assert cleaned(said) == "MLmodel holds other bytes: …."


def test_a_runner_leaves_bytecode_for_the_servers_which_may_write_none(tmp_path: Path) -> None:
    compiled = Path(cache_from_source(str(launching.PACKAGE / "server" / "app.py")))
    compiled.unlink(missing_ok=True)
    taken = tmp_path / "serving"
    taken.mkdir(mode=0o700)
    with (taken / "runner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "serving.runner", "--home", str(tmp_path)]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == TAKEN
    assert compiled.exists()
