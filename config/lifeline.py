"""A pipe with a name that ties processes to their supervisor: when it goes, however it went, they end.

A named pipe rather than an inherited one, because a descendant at any depth can open it: servers that spawn their
workers, and `subprocess` by default, close the descriptors they were given.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "LIFELINE"
GRACE_S = 2.0


@contextmanager
def offered(run: Path) -> Iterator[Path]:
    """Give the path of a new lifeline in `run`, which lasts as long as the block or this process."""
    path = run / f"lifeline.{os.getpid()}"
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    descriptor = os.open(path, os.O_RDWR)  # a write end that need not wait for a reader
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def hold() -> None:
    """Bind this process to the lifeline named in its environment; without one nothing changes."""
    if path := os.environ.get(VARIABLE):
        threading.Thread(target=end_with, args=(path,), daemon=True, name="lifeline").start()


def end_with(path: str) -> None:
    """Wait for the end of the lifeline, then end this process: politely, then surely."""
    wait_for_end(path)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def wait_for_end(path: str) -> None:
    """Return once nobody holds the write end of `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        os.read(descriptor, 1)  # without a writer: the end, at once
    except BlockingIOError:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
