"""One writer at a time for an endpoint's files, and none that a newer one was before."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.targets.contract import StaleFence, TryAgain

DIGITS = 20


@contextmanager
def held(path: Path, fence: int) -> Iterator[None]:
    """Hold the endpoint, with `fence` as its highest. Raises StaleFence for a lower one, TryAgain while it is held.

    A writer that is paused between looking and writing holds it still, so nobody overtakes it there; one that dies
    lets go.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgain("another engine writes for this endpoint") from None
        if (highest := last(path)) > fence:
            raise StaleFence(f"fence {highest} was here before {fence}")
        if highest < fence:
            _note(path, fence)
        yield


def last(path: Path) -> int:
    """Return the highest fence so far, 0 where nobody was here."""
    try:
        return int(path.read_bytes() or b"0")
    except FileNotFoundError:
        return 0


def _note(path: Path, fence: int) -> None:
    """Write in place, at one stroke: the file is the lock, so it cannot be renamed over."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, b"%0*d" % (DIGITS, fence), 0)
    finally:
        os.close(descriptor)
