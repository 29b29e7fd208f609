import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from monitoring.minutes import start_of
from monitoring.models import OpenWindow, Usage
from monitoring.resources import sample, used
from serving import contract
from serving.contract import SHARES, Desired, Layout, Observed, Routes, TrackRoute

pytestmark = pytest.mark.django_db
MINUTE = 29_000_000
SPEND = "x = bytearray(60 * 2**20)\nwhile True: pass"
KEEP = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPEND!r}])"


@pytest.fixture
def keeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process whose child works, as a replica's keeper has the model server below it."""
    with subprocess.Popen([sys.executable, "-c", KEEP], start_new_session=True) as running:
        yield running
        os.killpg(running.pid, signal.SIGKILL)


@pytest.fixture
def layout(settings: Settings, tmp_path: Path) -> Layout:
    settings.HOME = tmp_path
    return Layout(tmp_path)


def started(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def write(layout: Layout, pid: int, since: int, track: Any = "canary") -> None:
    digest = "d" * 64
    contract.dump(
        layout.desired("fraud-1"),
        Desired("fraud-1", "fraud", "Fraud", "3", digest, (), digest, "required", 512, 1, "r1", "k"),
    )
    contract.dump(
        layout.observed("fraud-1"),
        Observed("fraud-1", "k", 1, "ready", pid, since, "/s", digest, "none", "", 0.0),
    )
    tracks = (TrackRoute(track, ("fraud-1",), SHARES),)
    contract.dump(layout.routes("fraud"), Routes("fraud", 1, 1, "k", "r1", "5", "0" * 32, tracks))


def test_a_replica_uses_what_the_processes_below_it_use(layout: Layout, keeper: "subprocess.Popen[bytes]") -> None:
    write(layout, keeper.pid, started(keeper.pid))
    while sample() and Usage.objects.latest("pk").cpu_s < 0.3:
        pass
    row = Usage.objects.latest("pk")
    assert (row.endpoint, row.rollout, row.version, row.track) == ("fraud", "r1", "3", "canary")
    assert row.memory_mb > 60
    assert OpenWindow.objects.count() in {1, 2}


def test_another_process_with_the_replicas_number_is_not_it(layout: Layout, keeper: "subprocess.Popen[bytes]") -> None:
    write(layout, keeper.pid, started(keeper.pid) - 1)
    assert sample() == 0


def test_a_file_that_cannot_be_read_is_passed_over(layout: Layout, keeper: "subprocess.Popen[bytes]") -> None:
    write(layout, keeper.pid, started(keeper.pid))
    layout.routes("other").write_text("{")
    assert sample() == 1


def used_by(track: str, life: str, seconds: int, cpu_s: float, rollout: str = "r1") -> Usage:
    at = start_of(MINUTE) + timedelta(seconds=seconds)
    return Usage(
        endpoint="fraud", rollout=rollout, version="3", track=track, at=at, life=life, cpu_s=cpu_s, memory_mb=100.0
    )


def test_cpu_time_goes_on_where_a_replica_moves_to_another_track() -> None:
    Usage.objects.bulk_create(
        [
            used_by("canary", "7.1", -5, 1.0), used_by("canary", "7.1", 10, 3.0),
            used_by("stable", "7.1", 25, 4.5, "r2"), used_by("stable", "7.1", 40, 5.0, "r2"),
            used_by("stable", "8.1", 10, 9.0),
        ]
    )  # fmt: skip
    found = {(part.rollout, part.track): spent.cpu_s for part, spent in used("fraud", MINUTE).items()}
    assert found == {("r1", "canary"): 2.0, ("r2", "stable"): 2.0, ("r1", "stable"): None}
