"""What a server and all it started use: memory and processor time, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PARENT, TIMES = 1, slice(11, 15)  # fields of /proc/*/stat after the name: own and waited-for children's times


def family(pid: int) -> list[int]:
    """Return `pid` and its living descendants."""
    parents = {
        int(path.parent.name): int(fields[PARENT])
        for path in Path("/proc").glob("[0-9]*/stat")
        if (fields := _stat(path))
    }
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def cpu_s(pid: int) -> float:
    """Return the seconds of processor time that the family has used."""
    stats = [_stat(Path(f"/proc/{member}/stat")) for member in family(pid)]
    return sum(int(value) for fields in stats for value in fields[TIMES]) / TICKS


def pss_mib(pid: int) -> float:
    """Return the family's memory; what several share is counted once."""
    return sum(_pss_kib(member) for member in family(pid)) / 1024


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _stat(path: Path) -> list[str]:
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []
