"""What model servers use: CPU time and memory of each routed replica's processes, as /proc shows them."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import transaction

from core import clock
from monitoring.minutes import reopen, start_of
from monitoring.models import Usage
from serving import contract
from serving.contract import Desired, Document, Layout, Observed, Routes, Track

D = TypeVar("D", bound=Document)
TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
MB = 2**20
EARLIER = timedelta(seconds=30)  # how far before a window the CPU time it began with may have been sampled
KEPT = timedelta(days=1)
# Of what follows the name in /proc/PID/stat
STATE, PARENT, CPU, STARTED, RESIDENT = 0, 1, slice(11, 15), 19, 21


class Part(NamedTuple):
    """What one snapshot is about: one version on one track of one rollout."""

    rollout: str
    version: str
    track: str


class Used(NamedTuple):
    """What a part used in one window, and how many model servers it had at most. None: not measured."""

    cpu_s: float | None
    memory_mb: float | None
    replicas: int | None


@dataclass(frozen=True)
class Process:
    """One process at one moment. Its CPU time includes that of its children that ended."""

    pid: int
    parent: int
    started: int
    cpu_s: float
    memory_mb: float


def sample() -> int:
    """Write down what every routed replica has used by now; return how many live. What is not there is not measured."""
    now, layout, processes = clock.now(), Layout(Path(settings.HOME)), _processes()
    rows = [
        Usage(endpoint=routes.endpoint, rollout=routes.rollout_id, version=wanted.version, track=track, at=now, **tree)
        for routes, track, wanted, seen in _routed(layout)
        if (tree := _tree(processes, seen))
    ]
    with transaction.atomic("telemetry"):
        Usage.objects.bulk_create(rows)
        Usage.objects.filter(at__lt=now - KEPT).delete()
        reopen((row.endpoint, row.at) for row in rows)
    return len(rows)


def cores(endpoint: str) -> float | None:
    """Return how many cores the endpoint's model servers use, by their last two samples; None where unknown."""
    rows = Usage.objects.filter(endpoint=endpoint, at__gte=clock.now() - EARLIER).order_by("-at")
    lives: dict[str, list[Usage]] = defaultdict(list)
    for row in rows:
        lives[row.life].append(row)
    rates = [
        max(0.0, last.cpu_s - before.cpu_s) / (last.at - before.at).total_seconds()
        for last, before, *_ in (found for found in lives.values() if len(found) > 1)
    ]
    return sum(rates) if rates else None


def used(endpoint: str, minute: int) -> dict[Part, Used]:
    """Return what was used in the window, by part."""
    begin = start_of(minute)
    rows = Usage.objects.filter(endpoint=endpoint, at__gte=begin - EARLIER, at__lt=start_of(minute + 1)).order_by("at")
    parts: dict[Part, list[Usage]] = defaultdict(list)
    for row in rows:
        parts[_part(row)].append(row)
    spent = _spent(rows, begin)
    return {
        part: Used(spent.get(part), max(held), max(Counter(row.at for row in rows if row.at >= begin).values()))
        for part, rows in parts.items()
        if (held := _memory_mb(rows, begin).values())
    }


def _part(row: Usage) -> Part:
    return Part(row.rollout, row.version, row.track)


def _spent(rows: Iterable[Usage], begin: datetime) -> dict[Part, float]:
    """Return the CPU time between samples, by the part that the later one was in; a life seen once says nothing.

    A process outlives what it serves: what it used while traffic moved belongs to where it stood afterwards.
    """
    last: dict[str, Usage] = {}
    spent: dict[Part, float] = defaultdict(float)
    for row in rows:
        if row.at >= begin and (before := last.get(row.life)):
            spent[_part(row)] += max(0.0, row.cpu_s - before.cpu_s)
        last[row.life] = row
    return dict(spent)


def _memory_mb(rows: Sequence[Usage], begin: datetime) -> Counter[datetime]:
    """Return what all lives together held, by moment."""
    held: Counter[datetime] = Counter()
    for row in rows:
        if row.at >= begin:
            held[row.at] += row.memory_mb  # type: ignore[assignment]  # a Counter adds floats as well
    return held


def _routed(layout: Layout) -> Iterator[tuple[Routes, Track, Desired, Observed]]:
    """Yield what serves which track, where files say so; one that cannot be read is passed over."""
    for path in sorted(layout.routes_folder.glob("*.json")):
        routes = _read(path, Routes)
        for way in routes.tracks if routes else ():
            for replica in way.replicas:
                wanted, seen = _read(layout.desired(replica), Desired), _read(layout.observed(replica), Observed)
                if routes and wanted and seen:
                    yield routes, way.track, wanted, seen


def _read(path: Path, kind: type[D]) -> D | None:
    with suppress(OSError, contract.ContractError):
        return contract.load(path, kind)
    return None


def _tree(processes: Mapping[int, Process], seen: Observed) -> dict[str, Any]:
    """Return what the replica's process and all below it have used; nothing where another process has its number."""
    root = processes.get(seen.pid or 0)
    if root is None or root.started != seen.started:
        return {}
    tree = list(_below(root, processes.values()))
    cpu_s, memory_mb = sum(process.cpu_s for process in tree), sum(process.memory_mb for process in tree)
    return {"life": f"{root.pid}.{root.started}", "cpu_s": cpu_s, "memory_mb": memory_mb}


def _below(root: Process, processes: Collection[Process]) -> Iterator[Process]:
    yield root
    for process in processes:
        if process.parent == root.pid:
            yield from _below(process, processes)


def _processes() -> dict[int, Process]:
    """Return every process there is."""
    pids = (entry.name for entry in os.scandir("/proc") if entry.name.isdigit())
    return {process.pid: process for pid in pids if (process := _process(pid))}


def _process(pid: str) -> Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None  # it ended meanwhile
    fields = text.rpartition(")")[2].split()
    if fields[STATE] == "Z":
        return None
    cpu_s = sum(map(int, fields[CPU])) / TICKS
    return Process(int(pid), int(fields[PARENT]), int(fields[STARTED]), cpu_s, int(fields[RESIDENT]) * PAGE / MB)
