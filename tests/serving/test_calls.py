"""System calls that a model has no use for are held back, whichever sandbox it is in; those it needs are not."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from serving import sandbox
from serving.contract import Isolation
from serving.launching import PACKAGE
from tests.serving.rig import ROOT
from tests.serving.test_hostile import usable

pytestmark = pytest.mark.faults
SCRIPT = Path(__file__).with_name("attack_calls.py")
NEEDED = ["its own limits", "a thread", "a process", "a stream pair", "mode and times of its own"]


def held_in(isolation: Isolation, tmp_path: Path, program: Sequence[str]) -> str:
    """Return what a program wrote that ran as a model would."""
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    base = Path(sys.executable).resolve().parent.parent
    reads = [PACKAGE, SCRIPT.parent, *([] if base == Path("/usr") else [base]), ROOT / ".venv"]
    room = sandbox.Room([ROOT], reads, [own], own, {"TMPDIR": str(own)})
    command = sandbox.command(room, program, isolation)
    ran = subprocess.run(
        command, capture_output=True, text=True, env=room.environment, cwd="/", check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("isolation", ["bubblewrap", "landlock"])
def test_what_attacks_is_refused_or_in_vain_and_what_is_needed_works(isolation: Isolation, tmp_path: Path) -> None:
    if not usable(isolation):
        pytest.skip(f"this machine has no {isolation}")
    ours = tmp_path / "ours"
    ours.write_text("ours")
    ours.chmod(0o640)
    before = ours.stat()
    victim = subprocess.Popen(["/bin/sleep", "60"])
    limits, cores = resource.prlimit(victim.pid, resource.RLIMIT_CPU), os.sched_getaffinity(victim.pid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.setblocking(False)
        words = [sys.executable, str(SCRIPT), str(victim.pid), str(ours), str(tmp_path / "socket")]
        said = json.loads(held_in(isolation, tmp_path, words))
        with pytest.raises(BlockingIOError):
            listener.recv(1)
    assert victim.poll() is None
    assert resource.prlimit(victim.pid, resource.RLIMIT_CPU) == limits
    assert os.sched_getaffinity(victim.pid) == cores
    assert os.getpriority(os.PRIO_PROCESS, victim.pid) == 0
    victim.kill()
    victim.wait()
    assert {name: said.pop(name) for name in NEEDED} == dict.fromkeys(NEEDED, "done")
    assert "done" not in said.values(), said
    after = ours.stat()
    assert (after.st_mode, after.st_mtime, os.listxattr(ours)) == (before.st_mode, before.st_mtime, [])
