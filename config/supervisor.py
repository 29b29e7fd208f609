"""Keeps processes alive in the foreground and leaves none behind. Knows nothing of what they are.

One thread: the kernel's parent-death signal follows the thread that started a child.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from config import leftovers, lifeline

log = structlog.get_logger(__name__)

SIGNALS = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM}
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
STEADY_S = 10.0
STOP_S = 4.5  # shared by all, so that the whole stop stays under 5 s
KEPT_S = 0.5  # of it for each wave still to come
PROBE_EVERY_S = 0.05
SLOW_AFTER_S, PROBE_SLOWLY_S = 20.0, 1.0
IDLE_S = 60.0
THEN_EVERY_S = 1.0
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def at_once() -> bool:
    """Tell that a process is ready as soon as it runs."""
    return True


@dataclass(frozen=True)
class Process:
    """What to run, and a probe that is true once later processes may rely on it.

    Processes of a higher `wave` end before those of a lower one, which they rely on.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], bool] = at_once
    wave: int = 1


def next_wait_s(last_wait_s: float, ran_s: float) -> float:
    """Return how long to wait before the next start: doubling, afresh after a steady run."""
    if ran_s >= STEADY_S or not last_wait_s:
        return FIRST_WAIT_S
    return min(last_wait_s * 2, LONGEST_WAIT_S)


class Child:
    """One process across its restarts."""

    def __init__(self, process: Process, run: Path, line: Path) -> None:
        self.process = process
        self.record = run / f"{process.name}.pid"
        self.line = line
        self.popen: subprocess.Popen[bytes] | None = None
        self.ready = self.recorded = False
        self.started = self.due = self.wait_s = 0.0

    def start(self) -> None:
        """Run the command in a session of its own, tied to this process."""
        parent = os.getpid()
        self.popen = subprocess.Popen(  # noqa: S603 - commands are ours
            self.process.command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            env={**os.environ, lifeline.VARIABLE: str(self.line)},
            start_new_session=True,
            preexec_fn=lambda: bind_to(parent),  # noqa: PLW1509 - this process has one thread
        )
        self.started = time.monotonic()
        if why := self.unrecorded(self.popen.pid):
            log.warning("process not recorded", process=self.process.name, why=why)

    def unrecorded(self, pid: int) -> str:
        """Write down the process that runs; return why that cannot be, and it is tried again at each look.

        It is tied to us all the same: a full disk must not end what serves.
        """
        try:
            leftovers.record(self.record, pid)
        except OSError as why:
            self.recorded = False
            self.record.unlink(missing_ok=True)  # of the one before; that takes no room
            return str(why)
        self.recorded = True
        return ""

    def look(self) -> None:
        """Notice an exit, or that the process has become ready."""
        if self.popen is None:
            return
        status = self.popen.poll()
        if status is not None:
            self.plan_restart(self.popen.pid, status)
            return
        if not self.recorded:
            self.unrecorded(self.popen.pid)
        if not self.ready:
            self.ready = self.process.ready()

    def plan_restart(self, pid: int, status: int) -> None:
        """End the rest of the group and set the time of the next start."""
        leftovers.kill_group(pid)  # workers without their parent would keep the port
        now = time.monotonic()
        self.wait_s = next_wait_s(self.wait_s, now - self.started)
        self.due = now + self.wait_s
        self.popen, self.ready = None, False
        log.warning("process ended", process=self.process.name, status=status, restart_in_s=self.wait_s)

    def ask(self) -> None:
        """Ask the process to end."""
        if self.popen is not None:
            self.popen.terminate()

    def end(self, within_s: float) -> None:
        """Leave nothing of the process that was asked: killed after `within_s`."""
        if self.popen is None:
            return
        try:
            self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            log.warning("process killed", process=self.process.name, asked_s=round(within_s, 1))
        leftovers.kill_group(self.popen.pid)
        self.popen.wait()
        self.record.unlink(missing_ok=True)

    def pause_s(self, now: float) -> float:
        """Return how long this child needs no look, unless a signal comes."""
        if self.popen is None:
            return max(0.0, self.due - now)
        if self.ready:
            return IDLE_S if self.recorded else PROBE_SLOWLY_S
        return PROBE_EVERY_S if now - self.started < SLOW_AFTER_S else PROBE_SLOWLY_S


def bind_to(parent: int) -> None:
    """Make the kernel kill this process when `parent` dies; between fork and exec."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    if os.getppid() != parent:
        os._exit(1)


def supervise(
    processes: Sequence[Process], run: Path, announce: Callable[[], None], then: Callable[[], bool] = at_once
) -> None:
    """Keep `processes` running, in their order, until SIGINT or SIGTERM; then none is left.

    Calls `announce` once, when all of them are ready for the first time, and `then` every second from there on until it
    says that it is done.
    """
    with signals_queued(), lifeline.offered(run) as line:
        children = [Child(process, run, line) for process in processes]
        try:
            watch(children, announce, then)
        finally:
            stop(children)


@contextmanager
def signals_queued() -> Iterator[None]:
    """Let the signals we act on wait until they are asked for, so that none interrupts a step."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        while signal.sigtimedwait(SIGNALS, 0):
            pass  # a second Ctrl-C while stopping says nothing new
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def watch(children: Sequence[Child], announce: Callable[[], None], then: Callable[[], bool]) -> None:
    """Return when asked to stop."""
    announced = done = False
    while True:
        tend(children)
        if not announced and all(child.ready for child in children):
            announced = True
            announce()
        done = done or (announced and then())
        now = time.monotonic()
        pause_s = min(child.pause_s(now) for child in children)
        came = signal.sigtimedwait(SIGNALS, pause_s if done or not announced else min(pause_s, THEN_EVERY_S))
        if came and came.si_signo != signal.SIGCHLD:
            return


def tend(children: Sequence[Child]) -> None:
    """Notice every exit; start what is due, each only once those before it are ready."""
    for child in children:
        child.look()
    for child in children:
        if child.popen is None and child.due <= time.monotonic():
            child.start()
        if not child.ready:
            return


def stop(children: Sequence[Child]) -> None:
    """End all in waves, the last wave first; one that hangs cannot use up the time of the waves after it."""
    deadline = time.monotonic() + STOP_S
    waves = sorted({child.process.wave for child in children}, reverse=True)
    for left, wave in zip(range(len(waves), 0, -1), waves, strict=True):
        ending = [child for child in children if child.process.wave == wave]
        for child in ending:
            child.ask()
        until = deadline - KEPT_S * (left - 1)
        for child in ending:
            child.end(max(0.0, until - time.monotonic()))
