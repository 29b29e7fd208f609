"""Ties a process to its supervisor's pipe: when that ends, however it ended, the process does too."""

import ctypes
import os
import select
import signal
import threading
import time

VARIABLE = "LIFELINE"
GRACE_S = 2.0
PR_SET_PDEATHSIG = 1


def hold() -> None:
    """Bind this process to the lifeline that its environment names; without one nothing changes."""
    if path := os.environ.get(VARIABLE):
        threading.Thread(target=_end_with, args=(path,), daemon=True, name="lifeline").start()


def end_with_parent() -> None:
    """Make the kernel end this process, or what it becomes, when its parent dies. For programs that are not ours."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _end_with(path: str) -> None:
    """Wait for the end of the lifeline, then end this process: politely, then surely."""
    _wait(path)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def _wait(path: str) -> None:
    """Return once nobody holds the write end."""
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
