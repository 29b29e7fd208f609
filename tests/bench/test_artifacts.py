"""Files up and down through Signoff and through `mlflow server`'s proxy, in one run: speed, CPU and memory."""

import hashlib
import http.client
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.wire.homes import ROOT
from tests.wire.server import Server
from tests.wire.test_import_mlflow import mlflow_server

pytestmark = pytest.mark.bench
MIB = 2**20
SIZE = int(os.environ.get("BENCH_MIB", "256")) * MIB
ROUNDS = 3
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What moving the file once took."""

    mb_per_s: float
    cpu_s_per_gb: float
    extra_mib: float


@dataclass(frozen=True)
class Place:
    """A server: its address for one file, what a call needs, and its processes."""

    url: str
    headers: dict[str, str]
    pids: Callable[[], list[int]]


def below(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    found, names = [pid], [int(name.name) for name in Path("/proc").glob("[0-9]*")]
    parents: dict[int, int] = {}
    for one in names:
        try:
            parents[one] = int(Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_s(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def private_mib(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))
    return total / 1024


def watched(place: Place, deed: Callable[[], None]) -> Cost:
    """Do it and return what it took the server; memory is looked at ten times a second by another process."""
    pids = place.pids()
    before, at_rest = cpu_s(pids), private_mib(pids)
    peak = subprocess.Popen([sys.executable, "-c", PEAK, *map(str, pids)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    begun = time.perf_counter()
    deed()
    took_s = time.perf_counter() - begun
    peak.send_signal(signal.SIGTERM)
    most = float(peak.communicate()[0] or 0)
    return Cost(SIZE / 1e6 / took_s, (cpu_s(pids) - before) / (SIZE / 1e9), max(0.0, most - at_rest))


PEAK = """
import signal, sys, time
from tests.bench.test_artifacts import private_mib
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
pids, most = [int(word) for word in sys.argv[1:]], 0.0
while not stop:
    most = max(most, private_mib(pids))
    time.sleep(0.1)
print(most)
"""


def upload(place: Place, block: bytes) -> None:
    parts = urlsplit(place.url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    line.putrequest("PUT", parts.path)
    for name, value in {**place.headers, "Content-Length": str(SIZE)}.items():
        line.putheader(name, value)
    line.endheaders()
    for _ in range(SIZE // len(block)):
        line.send(block)
    assert line.getresponse().status == 200
    line.close()


def download(place: Place, expected: str) -> None:
    digest = hashlib.sha256() if expected else None
    request = urllib.request.Request(place.url, headers=place.headers)
    got = 0
    with urllib.request.urlopen(request, timeout=300) as answer:
        while chunk := answer.read(MIB):
            got += len(chunk)
            if digest:
                digest.update(chunk)
    assert got == SIZE
    assert digest is None or digest.hexdigest() == expected


@contextmanager
def ours(folder: Path) -> Iterator[Place]:
    server = Server(folder / "ours")
    headers = {"Authorization": f"Bearer {server.token('dana')}"}
    try:
        body, kind = b'{"experiment_id": "0"}', {**headers, "Content-Type": "application/json"}
        said = urllib.request.urlopen(
            urllib.request.Request(f"{server.url}/api/2.0/mlflow/runs/create", body, kind), timeout=60
        ).read()
        run_id = said.partition(b'"run_id": "')[2][:32].decode()
        url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/large.bin"
        yield Place(url, headers, lambda: below(server.process.pid))
    finally:
        server.end()


@contextmanager
def theirs(folder: Path) -> Iterator[Place]:
    with mlflow_server(folder / "theirs", "--artifacts-destination", "kept") as peer:
        url = f"{peer.url}/api/2.0/mlflow-artifacts/artifacts/0/{'a' * 32}/artifacts/large.bin"
        yield Place(url, {}, lambda: below(peer.pid))


def test_files_up_and_down_beside_mlflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = os.urandom(MIB)
    digest = hashlib.sha256()
    for _ in range(SIZE // MIB):
        digest.update(block)
    found: dict[tuple[str, str], list[Cost]] = {}
    with ours(tmp_path) as here, theirs(tmp_path) as there:
        for place in (here, there):
            upload(place, block)  # warm
            download(place, digest.hexdigest())
        for _ in range(ROUNDS):
            for name, place in (("here", here), ("MLflow", there)):
                found.setdefault(("upload", name), []).append(watched(place, lambda p=place: upload(p, block)))  # type: ignore[misc]
                found.setdefault(("download", name), []).append(watched(place, lambda p=place: download(p, "")))  # type: ignore[misc]
    with capsys.disabled():
        print(f"\n{SIZE // MIB} MiB, {ROUNDS} rounds | MB/s [range] | CPU s/GB | peak extra MiB")
        for (what, name), costs in sorted(found.items()):
            print(f"{what} {name} | {words(costs)}")
    cpu = {key: statistics.median(cost.cpu_s_per_gb for cost in costs) for key, costs in found.items()}
    assert cpu["upload", "here"] < cpu["upload", "MLflow"]
    assert cpu["download", "here"] < cpu["download", "MLflow"]
    assert max(cost.extra_mib for cost in found["upload", "here"] + found["download", "here"]) < 64


def words(costs: list[Cost]) -> str:
    speeds = sorted(cost.mb_per_s for cost in costs)
    middle: Any = statistics.median
    cpu, most = middle(c.cpu_s_per_gb for c in costs), max(c.extra_mib for c in costs)
    return f"{middle(speeds):.0f} [{speeds[0]:.0f}-{speeds[-1]:.0f}] | {cpu:.2f} | {most:.0f}"
