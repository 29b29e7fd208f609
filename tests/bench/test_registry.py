"""The registry against `mlflow server`: same calls, same content, in turn, with whatever each has switched on."""

import json
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from tests.bench.load import Measured, measure, request
from tests.bench.registries import PER_MODEL, Registry, mlflow, postgresql, signoff
from tests.bench.usage import cpu_s, pss_mib

pytestmark = pytest.mark.bench
CONNECTIONS, ROUNDS = 8, 3
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
SIZES = [int(size) for size in os.environ.get("BENCH_VERSIONS", "100,10000,100000").split(",")]
DATABASES = os.environ.get("BENCH_DATABASES", "sqlite,postgresql").split(",")
NAME = "model-00000"
Calls = Callable[[Registry], list[bytes]]
READ_TIMES, WRITE_TIMES, SEARCH_TIMES = 10, 5, 20  # how many times faster than the peer each must be


@pytest.fixture(scope="module", params=DATABASES)
def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Registry]]:
    """Both servers, running, on databases of the same kind."""
    folder, mine, theirs = tmp_path_factory.mktemp("registries"), "", ""
    with ExitStack() as running:
        if request.param == "postgresql":
            mine, theirs = running.enter_context(postgresql(folder / "postgresql"))
        yield [
            running.enter_context(mlflow(folder / "mlflow", theirs)),
            running.enter_context(signoff(folder / "signoff", mine)),
        ]


def call(registry: Registry, method: str, path: str, **said: object) -> bytes:
    """Return one call of MLflow's REST."""
    url = f"{registry.url}/api/2.0/mlflow/{path}"
    if method == "GET":
        return request(f"{url}?{urlencode(said)}", b"", registry.headers, method)
    return request(url, json.dumps(said).encode(), registry.headers, method)


def get_version(to: Registry) -> list[bytes]:
    return [call(to, "GET", "model-versions/get", name=NAME, version=n) for n in range(1, 9)]


def get_by_alias(to: Registry) -> list[bytes]:
    return [call(to, "GET", "registered-models/alias", name=NAME, alias="best")]


def create_version(to: Registry) -> list[bytes]:
    tags = [{"key": "team", "value": "risk"}]
    return [call(to, "POST", "model-versions/create", name=NAME, source="s3://models/0/1", description="x", tags=tags)]


def set_alias(to: Registry) -> list[bytes]:
    """Aliases of their own: the peer refuses one that two callers set for the first time at once."""
    names = [f"next-{n}" for n in range(64)]
    return [
        call(to, "POST", "registered-models/alias", name=NAME, alias=name, version=str(n))
        for n, name in enumerate(names, 1)
    ]


def transition(to: Registry) -> list[bytes]:
    return [
        call(to, "POST", "model-versions/transition-stage", name=NAME, version=str(n), stage=stage)
        for stage in ("Staging", "Archived")
        for n in range(1, 65)
    ]


def search(to: Registry) -> list[bytes]:
    return [call(to, "GET", "model-versions/search", max_results=100)]


def search_one_model(to: Registry) -> list[bytes]:
    return [call(to, "GET", "model-versions/search", max_results=100, filter=f"name='{NAME}'")]


@dataclass(frozen=True)
class Seen:
    """The middle of some rounds."""

    per_s: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float


def compare(sides: Sequence[Registry], calls: Calls, connections: int) -> list[Seen]:
    """Return what each side did: rounds in turn, the order turned about each time, medians."""
    found: dict[str, list[tuple[Measured, float]]] = {side.name: [] for side in sides}
    for side in sides:
        measure(side.url, calls(side), connections=connections, seconds=0.5)
    for turn in range(ROUNDS):
        for side in sides if turn % 2 else reversed(sides):
            before = cpu_s(side.pid)
            got = measure(side.url, calls(side), connections=connections, seconds=SECONDS)
            found[side.name].append((got, (cpu_s(side.pid) - before) * 1000 / got.count))
    return [_middle(found[side.name]) for side in sides]


def _middle(rounds: list[tuple[Measured, float]]) -> Seen:
    def of(read: Callable[[Measured], float]) -> float:
        return statistics.median(read(got) for got, _ in rounds)

    cpu_ms = statistics.median(cpu for _, cpu in rounds)
    return Seen(of(lambda m: m.per_s), of(lambda m: m.p50_ms), of(lambda m: m.p95_ms), cpu_ms)


def line(name: str, theirs: Seen, mine: Seen) -> str:
    cells = [
        name, f"{theirs.per_s:,.0f}", f"{mine.per_s:,.0f}", f"**{mine.per_s / theirs.per_s:.1f}**",
        f"{theirs.p50_ms:.1f} / {theirs.p95_ms:.1f}", f"{mine.p50_ms:.1f} / {mine.p95_ms:.1f}",
        f"{theirs.cpu_ms:.1f}", f"{mine.cpu_ms:.2f}", f"{theirs.cpu_ms / mine.cpu_ms:.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


HEAD = """
| call | MLflow /s | Signoff /s | times | MLflow p50 / p95 ms | Signoff p50 / p95 ms | MLflow CPU ms | Signoff | less |
|---|---|---|---|---|---|---|---|---|"""
CALLS: dict[str, tuple[Calls, float]] = {
    "get version": (get_version, READ_TIMES),
    "get by alias": (get_by_alias, READ_TIMES),
    "create version": (create_version, WRITE_TIMES),
    "set alias": (set_alias, WRITE_TIMES),
    "transition stage": (transition, WRITE_TIMES),
}


SEARCHES: dict[str, Calls] = {"one model's 100": search_one_model, "newest 100": search}


def test_calls_a_second_against_mlflow_server(sides: list[Registry], capsys: pytest.CaptureFixture[str]) -> None:
    short = []
    with capsys.disabled():
        print(f"\nCPU seconds to start: {', '.join(f'{side.name} {side.start_cpu_s:.1f}' for side in sides)}")
        print(HEAD)
        for name, (calls, wanted) in CALLS.items():
            theirs, mine = compare(sides, calls, CONNECTIONS)
            print(line(f"{name}, {CONNECTIONS} connections", theirs, mine))
            if mine.per_s < wanted * theirs.per_s:
                short.append(f"{name}: {mine.per_s / theirs.per_s:.1f} of {wanted} times")
        print(f"PSS: {', '.join(f'{side.name} {pss_mib(side.pid):,.0f} MiB' for side in sides)}")
    assert not short, "below the goal: " + "; ".join(short)


def test_search_stays_flat(sides: list[Registry], capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[Seen, Seen]] = []
    with capsys.disabled():
        print(HEAD)
        for size in SIZES:
            for side in sides:
                side.fill(max(1, size // PER_MODEL))
            for name, calls in SEARCHES.items():
                theirs, mine = compare(sides, calls, 1)
                print(line(f"search, {name} of {size:,}", theirs, mine))
                seen.append((theirs, mine))
    theirs, mine = seen[-1]
    assert theirs.p95_ms >= SEARCH_TIMES * mine.p95_ms
    assert mine.p95_ms <= 2 * seen[len(SEARCHES) - 1][1].p95_ms
