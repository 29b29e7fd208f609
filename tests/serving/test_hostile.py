"""A model that attacks: what it may not do, it cannot."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving import confine, launching, processes, sandbox
from serving.contract import Isolation, dump
from serving.sandbox import Probe, Unconfinable
from serving.server import refusals
from tests.serving.rig import Home, Running, running
from tests.serving.test_contract import DESIRED

pytestmark = pytest.mark.faults
MEMORY_MB = 700
NONE = Probe("none", "bubblewrap is not installed. This kernel has no Landlock.")


def usable(name: Isolation) -> bool:
    """Whether this machine can hold a model in that way."""
    return sandbox.probe().isolation == "bubblewrap" if name == "bubblewrap" else bool(confine.abi())


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def hostile(request: Any, home: Home, models: Path) -> Iterator[Running]:
    if not usable(request.param):
        pytest.skip(f"this machine has no {request.param}")
    desired = home.desire(f"hostile-{request.param}", models / "hostile", MEMORY_MB)
    with running(home, desired, request.param) as server:
        yield server


def attempt(server: Running, deed: str, target: object = "") -> Any:
    answer = server.predict(dataframe_records=[{"deed": deed, "target": str(target)}])
    return answer.json["predictions"][0] if answer.status == 200 else answer.status


def test_it_reads_nothing_of_the_home_or_the_machine(hostile: Running, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    other = hostile.home.layout.desired("other")
    dump(other, replace(DESIRED, replica="other"))
    blob = hostile.home.layout.blob(hostile.desired.manifest[0].sha256)
    own_order = hostile.home.layout.desired(hostile.desired.replica)
    for target in (tmp_path / "secret", other, own_order, blob, "/etc/passwd", f"/proc/{os.getpid()}/environ"):
        assert attempt(hostile, "read", target) in {"PermissionError", "FileNotFoundError"}, target
    assert attempt(hostile, "read", hostile.home.layout.launched(hostile.desired.replica)).startswith('{"type"')


def test_it_writes_to_its_own_folder_only(hostile: Running, tmp_path: Path) -> None:
    layout, desired = hostile.home.layout, hostile.desired
    folder = layout.artifact(desired.digest)
    package = Path(launching.__file__)
    for target in (folder / "MLmodel", folder / "new", layout.tokens, package, tmp_path / "new", layout.root / "new"):
        attempt(hostile, "write", target)  # under bubblewrap it may write beside what is mounted, to its own folder
        assert target.name != "new" or not target.exists()
        assert target.name == "new" or "hostile" not in target.read_text()
    assert attempt(hostile, "write", layout.temporary(desired.replica) / "own") == "done"


def test_it_reaches_no_network_and_no_other_socket(hostile: Running, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert attempt(hostile, "call", f"127.0.0.1:{listener.getsockname()[1]}") != "done"
    with socket.socket(socket.AF_UNIX) as local:
        path = hostile.home.layout.root / f"local-{hostile.keeper.pid}"
        local.bind(str(path))
        local.listen()
        assert attempt(hostile, "call", path) != "done"


def test_it_ends_no_other_process(hostile: Running) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert attempt(hostile, "kill", victim.pid) == 500
    assert victim.poll() is None
    victim.kill()
    victim.wait()


def test_its_failure_says_nothing_of_the_inside(hostile: Running) -> None:
    answer = hostile.predict(dataframe_records=[{"deed": "fail", "target": "x"}])
    assert answer.status == 500
    assert "secret" not in answer.body.decode()
    assert answer.json["request_id"] in hostile.log


def test_memory_over_its_share_is_not_given(hostile: Running) -> None:
    assert attempt(hostile, "eat", 2 * 2**30) == 500
    assert attempt(hostile, "eat", 1000) == "1000"


def test_what_it_was_not_given_is_told_by_its_health(hostile: Running) -> None:
    assert attempt(hostile, "eat", 2 * 2**30) == 500
    health = hostile.ask("/v2/health/ready")
    assert health.status == 200
    assert "was not given what it reached for: MemoryError" in health.json["withheld"]


def test_a_wrapped_refusal_is_understood_and_a_models_own_failure_is_not_one() -> None:
    wrapped = ValueError("no scaler")
    wrapped.__context__ = PermissionError(13, "Permission denied", "/home")
    assert "PermissionError: [Errno 13] Permission denied: '/home'" in refusals.withheld(wrapped)
    assert refusals.withheld(ValueError("no scaler")) == ""


def test_health_is_answered_while_the_model_is_busy(hostile: Running) -> None:
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(attempt, hostile, "sleep", 1)
        time.sleep(0.2)
        begun = time.monotonic()
        assert hostile.ask("/v2/health/live").status == 200
        assert time.monotonic() - begun < 0.5
        assert busy.result() == "done"


def test_too_many_processes_end_it_and_the_log_says_why(own_home: Home, models: Path, isolation: Isolation) -> None:
    with running(own_home, own_home.desire("r-1", models / "hostile", MEMORY_MB), isolation) as server:
        with pytest.raises((OSError, ConnectionError)):
            attempt(server, "breed", 100)
        assert server.keeper.wait(5) == 137
        assert "processes, over" in launching.last_words(own_home.layout, "r-1")


def test_processes_that_start_processes_are_all_ended_before_the_machine_is_full(
    own_home: Home, models: Path, isolation: Isolation
) -> None:
    with running(own_home, own_home.desire("r-1", models / "hostile", MEMORY_MB), isolation) as server:
        before = processes.tasks()
        with pytest.raises((OSError, http.client.HTTPException)):
            attempt(server, "bomb", 30)
        server.keeper.wait(20)
        assert "processes, over 64, and was killed" in launching.last_words(own_home.layout, "r-1")
        assert processes.tasks() < before + 300


def test_descriptors_that_hold_memory_are_counted_together(own_home: Home, models: Path, isolation: Isolation) -> None:
    with running(own_home, own_home.desire("r-1", models / "hostile", MEMORY_MB), isolation) as server:
        assert attempt(server, "hoard", 50) == "done"
        with ThreadPoolExecutor(1) as pool:
            pool.submit(attempt, server, "hoard", 600)
            server.keeper.wait(20)
        assert "files, pipes and sockets open, over 3072, and was killed" in launching.last_words(
            own_home.layout, "r-1"
        )


def test_files_over_its_share_end_it_and_are_gone_before_it_starts_again(
    own_home: Home, models: Path, isolation: Isolation
) -> None:
    desired = replace(own_home.desire("r-1", models / "hostile", MEMORY_MB), files_mb=40)
    with running(own_home, desired, isolation) as server:
        assert attempt(server, "fill", 30) == "done"
        time.sleep(3)
        assert server.keeper.poll() is None
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may be ended before it answers
            attempt(server, "fill", 60)
        server.keeper.wait(10)
        assert re.search(
            r"wrote \d+ MB of files, over its 40, and was killed", launching.last_words(own_home.layout, "r-1")
        )


def test_who_kills_the_server_is_named_by_the_signal(own_home: Home, onnx_folder: Path, isolation: Isolation) -> None:
    with running(own_home, own_home.desire("r-1", onnx_folder), isolation) as server:
        os.kill(processes.descendants(server.keeper.pid)[-1], signal.SIGKILL)
        server.keeper.wait(5)
        assert "was killed by signal 9 (SIGKILL)." in launching.last_words(own_home.layout, "r-1")


def test_killing_the_keeper_leaves_no_server(own_home: Home, onnx_folder: Path, isolation: Isolation) -> None:
    with running(own_home, own_home.desire("r-1", onnx_folder), isolation) as server:
        server.keeper.kill()
        server.keeper.wait()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                server.ask("/ping")
            except (OSError, http.client.HTTPException):
                return
            time.sleep(0.05)
    raise AssertionError("the server outlived its keeper")


def test_a_lifeline_that_ends_ends_the_replica(
    own_home: Home, onnx_folder: Path, isolation: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = tmp_path / "lifeline"
    os.mkfifo(line)
    held = os.open(line, os.O_RDWR)
    monkeypatch.setenv("LIFELINE", str(line))
    with running(own_home, own_home.desire("r-1", onnx_folder), isolation) as server:
        os.close(held)
        assert server.keeper.wait(8) == 0


def test_where_nothing_holds_a_model_it_is_refused_unless_allowed() -> None:
    with pytest.raises(Unconfinable, match="have the rollout approved as unsandboxed"):
        sandbox.choose(DESIRED, NONE)
    assert sandbox.choose(replace(DESIRED, sandbox="unsandboxed"), NONE) == NONE


def test_without_bubblewrap_landlock_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = sandbox.probe.__wrapped__()
    assert found.isolation == ("landlock" if confine.abi() else "none")
    assert "bubblewrap is not installed" in found.why
