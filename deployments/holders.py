"""Names the process that holds a claim, so that another one on this machine sees at once that it has ended.

Elsewhere, and where /proc does not say, a claim is over when its lease is.
"""

import hashlib
import os
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from core import clock
from deployments.models import Rollout
from deployments.states import WORKED_ON

LOST = timedelta(seconds=30)  # a claim that is over for so long is nobody's: engines go round every 5 s
STARTED, STATE = 19, 0  # of what follows the name in /proc/PID/stat


def me() -> str:
    """Return the name of this process."""
    return of(os.getpid())


def of(pid: int) -> str:
    """Return the name of a process: with its machine and its start it is one for ever."""
    return f"{_place()}/{pid}/{_started(pid)}"


def has_ended(holder: str) -> bool:
    """Whether `holder` is a process of this machine that runs no more; False where nobody can know."""
    place, _, rest = holder.partition("/")
    pid, _, started = rest.partition("/")
    return bool(place) and place == _place() and pid.isdigit() and _started(int(pid)) != started


def left_since(rollout: Rollout) -> datetime | None:
    """Return since when no engine works on a rollout that is under way, or None where one does."""
    is_left = rollout.state in WORKED_ON and rollout.lease_until < clock.now() - LOST
    return rollout.lease_until if is_left else None


@cache
def _place() -> str:
    """Return what stands for this machine since it started, and for the processes seen from here; empty if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        seen = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}{seen}".encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """Return when the process started, in ticks; empty for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[STATE] == "Z" else fields[STARTED]
