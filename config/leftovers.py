"""Records of started process groups, so that a later start can end what a crash left running."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
WAIT_S = 2.0


def status(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on (state first); none when the process has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    fields = stat.rpartition(")")[2].split()
    return [] if fields[0] == "Z" else fields  # a zombie waits for its parent only


def started(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot; None when it does not run."""
    fields = status(pid)
    return int(fields[19]) if fields else None


def record(path: Path, pid: int) -> None:
    """Keep in `path` what tells this process group from a later one of the same number; nobody reads half of it.

    Raises OSError, as where the disk is full.
    """
    draft = path.with_suffix(".draft")
    draft.write_text(f"{pid} {started(pid)} {BOOT_ID.read_text()}")
    draft.replace(path)


def kill_group(group: int) -> None:
    """End every process of `group` at once."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def sweep(run: Path) -> list[str]:
    """End what earlier records in `run` still name and drop the records; return the names of what was running."""
    swept = [path.stem for path in sorted(run.glob("*.pid")) if end_recorded(path)]
    for path in [*run.glob("*.pid"), *run.glob("lifeline.*")]:
        path.unlink()
    return swept


def end_recorded(path: Path) -> bool:
    """Return whether the recorded group was running; it is not any more."""
    pid, start, boot = path.read_text().split()
    # The kernel gives no number away while a group bears it: a missing leader may have left its group, a leader with
    # another start time cannot have.
    ours = boot == BOOT_ID.read_text().strip() and started(int(pid)) in {None, int(start)}
    if not ours or not lives(int(pid)):
        return False
    kill_group(int(pid))
    deadline = time.monotonic() + WAIT_S
    while lives(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return True


def lives(group: int) -> bool:
    """Return whether any process of `group` still runs."""
    fields = (status(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return any(found and int(found[2]) == group for found in fields)
