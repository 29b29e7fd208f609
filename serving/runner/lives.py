"""The process that stands for a replica: ours, or found again after the runner's own death."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from serving import processes
from serving.contract import Layout

TICKS = os.sysconf("SC_CLK_TCK")


class Life:
    """One process, by pid and start time. It leads a session of its own."""

    def __init__(self, pid: int, started: int, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.pid, self.started, self.popen = pid, started, popen

    def is_over(self) -> bool:
        """Whether it has ended."""
        if self.popen is not None:
            return self.popen.poll() is not None
        return not processes.is_same(self.pid, self.started)

    def ran_s(self) -> float:
        """Return how long ago it started."""
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / TICKS)

    def ask_to_end(self) -> None:
        """It drains."""
        if not self.is_over():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """It and its group end at once."""
        if not self.is_over():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def code(self) -> int | None:
        """Return the code it ended with, negative for a signal; None where nobody knows."""
        return self.popen.poll() if self.popen else None


def begun(popen: subprocess.Popen[bytes]) -> Life:
    """Return the life of a process that was just started, even where it has ended already."""
    return Life(popen.pid, processes.started(popen.pid) or 0, popen)


def found(layout: Layout, replica: str, pid: int | None, started: int | None) -> Life | None:
    """Return the life that was written down, if it still lasts; a number used anew, even by chance, is not it."""
    if pid is None or started is None or not processes.is_same(pid, started):
        return None
    return Life(pid, started) if whose(layout, pid) == replica else None


def strays(layout: Layout, known: set[int]) -> Iterator[tuple[str, Life]]:
    """Yield the keepers of this home that nobody wrote down: the runner was killed just after it started them."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    keepers = {pid: replica for pid in pids if (replica := whose(layout, pid))}
    kept = {pid for keeper in keepers for pid in processes.descendants(keeper)}  # a sandbox bears the same options
    for pid in keepers.keys() - kept - known:
        if started := processes.started(pid):
            yield keepers[pid], Life(pid, started)


def whose(layout: Layout, pid: int) -> str:
    """Return which replica of this home the process keeps; empty where it keeps none."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        if os.getsid(pid) != pid or "--replica" not in words:
            return ""
    except OSError:
        return ""
    options = dict(pairwise(words))
    return options["--replica"] if options.get("--home") == str(layout.home) else ""
