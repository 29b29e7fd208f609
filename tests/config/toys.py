"""Small processes for the supervisor's tests: `python -m tests.config.toys ROLE FOLDER NAME…`."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

from config import lifeline
from config.supervisor import Process, supervise


def command(role: str, folder: Path, *names: str) -> list[str]:
    return [sys.executable, "-m", "tests.config.toys", role, str(folder), *names]


def say(folder: Path, *words: object) -> None:
    with (folder / "log").open("a") as log:
        log.write(" ".join(map(str, words)) + "\n")


def wait_for_ever() -> NoReturn:
    while True:
        signal.pause()


def steady(folder: Path, name: str) -> None:
    """Runs until told to stop."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    lifeline.hold()
    say(folder, "start", name, os.getpid())
    stopping.wait()
    say(folder, "stop", name)


def stubborn(folder: Path, name: str) -> None:
    """Does not listen."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(folder, "start", name, os.getpid())
    wait_for_ever()


def family(folder: Path, name: str) -> None:
    """Has a worker that got no descriptor from it, and does not hold the lifeline itself."""
    subprocess.Popen(command("steady", folder, f"{name}-worker"))
    say(folder, "start", name, os.getpid())
    wait_for_ever()


def slow(folder: Path, name: str) -> None:
    """Takes its time to start."""
    time.sleep(0.3)
    steady(folder, name)


def failing(folder: Path, name: str) -> None:
    """Ends at once."""
    say(folder, "start", name, os.getpid())
    sys.exit(3)


def process(role: str, folder: Path) -> Process:
    """Ready once it has said so."""
    wave = 0 if role == "slow" else 1
    seen = f"start {role} "
    return Process(role, command(role, folder, role), ready=lambda: seen in (folder / "log").read_text(), wave=wave)


def supervisor(folder: Path, *roles: str) -> None:
    """Supervises one toy per role."""
    say(folder, "start", "supervisor", os.getpid())
    supervise([process(role, folder) for role in roles], folder, announce=partial(say, folder, "ready"))


ROLES: dict[str, Callable[..., None]] = {
    role.__name__: role for role in (steady, stubborn, family, slow, failing, supervisor)
}

if __name__ == "__main__":
    role, folder, *names = sys.argv[1:]
    ROLES[role](Path(folder), *names)
