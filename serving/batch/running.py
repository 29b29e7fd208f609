"""Starts the two processes a file is scored by: what reads it, and the model in its own environment and sandbox."""

import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from serving import environments, keeper, sandbox
from serving.batch.asked import Asked
from serving.contract import BatchOrder, Desired, Isolation, Layout
from serving.launching import ONE_THREAD, PACKAGE, server_environment

SET_PIPE_SIZE, PIPE_BYTES = 1031, 2**20
READER = {
    **dict.fromkeys(ONE_THREAD, "1"),
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(PACKAGE.parent),
    "PYTHONDONTWRITEBYTECODE": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
}  # its whole environment


def pipe() -> tuple[int, int]:
    """Return both ends of a pipe that holds a MiB, where that is granted."""
    ends = os.pipe()
    with suppress(OSError):  # then it is only slower
        fcntl.fcntl(ends[1], SET_PIPE_SIZE, PIPE_BYTES)
    return ends


@dataclass(frozen=True)
class Ends:
    """Descriptors that a reader writes to: the model's pipe, and ours."""

    model: int
    said: int


def start_reader(
    path: Path, asked: Asked, order: BatchOrder, begin: int, to: Ends, log: Path
) -> "subprocess.Popen[bytes]":
    """Start what reads the file, from part `begin` on; it may reach that file and two pipes. It ends with us."""
    words = [str(path), asked.dumped(), "--id-column", order.id_column, "--begin", str(begin), "--model", str(to.model)]
    program = [sys.executable, "-m", "serving.batch.reader", *words]
    with log.open("wb") as trouble:
        return subprocess.Popen(  # noqa: S603 - ourselves
            sandbox.command(room_of_reader(path, log.parent), program, sandbox.probe().isolation),
            stdin=subprocess.DEVNULL, stdout=to.said, stderr=trouble, pass_fds=[to.model], env=READER, cwd="/",
        )  # fmt: skip


def room_of_reader(path: Path, folder: Path) -> sandbox.Room:
    """Return what the reader may reach: Python, this package and the file. No network, nothing else of the home."""
    temporary = folder / "reader"
    temporary.mkdir(exist_ok=True, mode=0o700)
    reads = [Path(sys.prefix), PACKAGE, path]
    base = Path(sys.executable).resolve().parent.parent
    if base != Path("/usr"):
        reads.append(base)
    return sandbox.Room(lists=[PACKAGE.parent], reads=reads, writes=[], temporary=temporary, environment=READER)


def start_model(
    layout: Layout, desired: Desired, isolation: Isolation, given: int, said: int, log: Path
) -> "subprocess.Popen[bytes]":
    """Start the model on its pipes, in its sandbox and limits; it ends with us."""
    for folder in (layout.temporary(desired.replica), layout.feature_policy(desired.endpoint).parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    python = environments.python_of(layout.environment(desired.lock_digest))
    program = [str(python), "-m", "serving.server.batch", "--artifact", str(layout.artifact(desired.digest))]
    program += ["--policy", str(layout.feature_policy(desired.endpoint))]
    with log.open("wb") as trouble:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            sandbox.command(room(layout, desired), program, isolation),
            stdin=given, stdout=said, stderr=trouble, env=server_environment(layout, desired), cwd="/",
            preexec_fn=lambda: keeper.bound(desired),  # noqa: PLW1509 - our other threads only wait
        )  # fmt: skip


def room(layout: Layout, desired: Desired) -> sandbox.Room:
    """Return what the model may reach: its environment, its files, what it may tell. No token and no socket."""
    environment = layout.environment(desired.lock_digest)
    base = environments.python_of(environment).resolve().parent.parent
    told = layout.feature_policy(desired.endpoint).parent
    reads = [environment, layout.artifact(desired.digest), PACKAGE, told]
    if base != Path("/usr"):
        reads.append(base)
    return sandbox.Room(
        lists=[PACKAGE.parent], reads=reads, writes=[], temporary=layout.temporary(desired.replica),
        environment=server_environment(layout, desired),
    )  # fmt: skip
