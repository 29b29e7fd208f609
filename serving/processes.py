"""Processes as /proc shows them."""

import os
import signal
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

STARTED = 19  # of what follows the name in /proc/PID/stat; field 22 of all
PARENT = 1
STATE = 0
BLOCK = 512  # of st_blocks, whatever the file system's are
PAGE = os.sysconf("SC_PAGE_SIZE")


def killed_by(number: int) -> str:
    """Return the end of a model server by a signal from outside, in a sentence."""
    try:
        name = f" ({signal.Signals(number).name})"
    except ValueError:
        name = ""
    why = " Somebody killed it, or the kernel did as memory ran out." if number == signal.SIGKILL else ""
    return f"The model server was killed by signal {number}{name}.{why}"


def started(pid: int) -> int | None:
    """Return when the process started, in ticks since boot; None where none lives. With the pid it is one process."""
    fields = _stat(pid)
    return int(fields[STARTED]) if fields and fields[STATE] != "Z" else None


def is_same(pid: int | None, since: int | None) -> bool:
    """Whether the process that was seen then still lives."""
    return pid is not None and since is not None and started(pid) == since


def children(pid: int) -> list[int]:
    """Return the children, oldest first."""
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    mine = [(fields, child) for child in found if (fields := _stat(child)) and int(fields[PARENT]) == pid]
    return [child for fields, child in sorted(mine, key=lambda one: (int(one[0][STARTED]), one[1]))]


def descendants(pid: int) -> list[int]:
    """Return every process below `pid`, each after its parent."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[PARENT]), []).append(int(entry.name))
    return list(_below(pid, parents))


def _below(pid: int, parents: dict[int, list[int]]) -> Iterator[int]:
    for child in parents.get(pid, []):
        yield child
        yield from _below(child, parents)


def written(folder: Path, pids: Iterable[int], most: int) -> tuple[int, int]:
    """Return how many files are in the folder, counting ends after `most`, and what they hold on the disk, in bytes.

    Files that were deleted and are held open by the processes count as well.
    """
    found: dict[tuple[int, int], int] = {}
    for path in chain(_all_below(folder), (path for pid in pids for path in _opened(pid))):
        with suppress(OSError):
            seen = path.stat() if path.parent.name == "fd" else path.lstat()
            if stat.S_ISREG(seen.st_mode) and (path.parent.name != "fd" or not seen.st_nlink):
                found[seen.st_dev, seen.st_ino] = seen.st_blocks * BLOCK
        if len(found) > most:
            break
    return len(found), sum(found.values())


def _all_below(folder: Path) -> Iterator[Path]:
    for base, _, names in os.walk(folder):
        yield from (Path(base, name) for name in names)


def opened(pids: Iterable[int]) -> int:
    """Return how many descriptors the processes hold together."""
    return sum(1 for pid in pids for _ in _opened(pid))


def tasks() -> int:
    """Return how many processes and threads the machine has; one small read."""
    return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])


def _opened(pid: int) -> Iterator[Path]:
    with suppress(OSError):
        yield from Path(f"/proc/{pid}/fd").iterdir()


def resident_mb(pids: Iterable[int]) -> float:
    """Return the memory the processes hold; pages they share count for each."""
    return sum(_resident(pid) for pid in pids) * PAGE / 2**20


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
