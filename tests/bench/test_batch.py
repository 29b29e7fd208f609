"""How long it takes to score 10,000,000 rows of 8 numbers, from the start of the job to its files in the store."""

import io
import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from accounts.actors import Actor
from deployments import endpoints, rollouts
from deployments.batch import jobs
from deployments.batch.desk import Desk
from deployments.batch.jobs import Wish
from deployments.models import BatchJob, Endpoint
from deployments.states import BATCH_LIVE, BatchState
from serving import processes
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, run
from tests.deployments.test_real_plane import held_version
from tests.factories import make_model
from tests.serving.rig import Home, save_onnx

pytestmark = [pytest.mark.bench, pytest.mark.django_db]
ROWS, FEATURES = int(os.environ.get("BENCH_ROWS", "10000000")), 8
COLUMNS = [f"f{place}" for place in range(FEATURES)]
GOAL_S, GOAL_MIB = 20.0, 1536.0
LOOK_S = 0.1


def part(number: int, body: bytes) -> bytes:
    """Return one field of a protocol buffer whose value has a length."""
    size, length = b"", len(body)
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + body


def linear(weights: list[float]) -> bytes:
    """Return an ONNX model that multiplies a row by the weights."""
    wide = bytes([8, len(weights)])
    raw = struct.pack(f"<{len(weights)}f", *weights)
    node = part(1, part(1, b"X") + part(1, b"W") + part(2, b"score") + part(4, b"MatMul"))
    held = part(5, b"\x08" + bytes([len(weights)]) + b"\x08\x01\x10\x01" + part(8, b"W") + part(9, raw))

    def value(name: bytes, dimension: bytes) -> bytes:
        shape = part(2, part(1, b"") + part(1, dimension))
        return part(1, name) + part(2, part(1, b"\x08\x01" + shape))

    graph = node + part(2, b"g") + held + part(11, value(b"X", wide)) + part(12, value(b"score", b"\x08\x01"))
    return b"\x08\x09" + part(7, graph) + part(8, b"\x0a\x00\x10\x11")


@pytest.fixture
def endpoint(hands: Hands, tmp_path: Path, settings: Any, dana: Actor, eli: Actor) -> Iterator[Endpoint]:
    """An endpoint that serves the linear model."""
    settings.HOME, settings.MAX_UPLOAD_BYTES = hands.layout.home, 2**33
    home = Home(hands.layout.home)
    save_onnx(tmp_path / "onnx", linear([1.0 / 2**place for place in range(FEATURES)]), COLUMNS)
    made = endpoints.create_endpoint("linear", model=make_model(dana), environment="staging", actor=eli)
    run(hands, rollouts.start(held_version(made, tmp_path / "onnx", home, dana), made, AT_ONCE, actor=eli))
    yield made
    home.publishing.clear()


def table(kind: pa.DataType) -> pa.Table:
    """Return made-up numbers from a seed."""
    made = {name: pc.random(ROWS, initializer=place).cast(kind, safe=False) for place, name in enumerate(COLUMNS)}
    return pa.table(made)


def parquet(kind: pa.DataType) -> bytes:
    out = io.BytesIO()
    pq.write_table(table(kind), out, compression="snappy", use_dictionary=False)
    return out.getvalue()


def csv() -> bytes:
    out = io.BytesIO()
    rounded = [pc.round(column, 4) for column in table(pa.float64()).columns]
    pacsv.write_csv(pa.table(rounded, names=COLUMNS), out)
    return out.getvalue()


class Memory(threading.Thread):
    """The most that this process's descendants hold together, in MiB; what they share counts for each."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.over = 0.0, threading.Event()

    def run(self) -> None:
        """Look until told not to."""
        while not self.over.wait(LOOK_S):
            self.most = max(self.most, processes.resident_mb(processes.descendants(os.getpid())))


def scored(endpoint: Endpoint, content: bytes, actor: Actor) -> tuple[BatchJob, float, float]:
    """Have a file scored; return the job, the seconds from its start to its end, and the memory of its processes."""
    job, desk, memory = jobs.score_upload(endpoint, "bench", [content], Wish(), actor=actor), Desk(), Memory()
    del content
    memory.start()
    begun = time.monotonic()
    while job.state in BATCH_LIVE:
        desk.turn()
        time.sleep(0.1)
        job.refresh_from_db()
    took_s = time.monotonic() - begun
    memory.over.set()
    assert (job.state, job.why, job.rows_scored) == (BatchState.DONE, "", ROWS)
    return job, took_s, memory.most


@pytest.mark.parametrize("form", ["parquet, 32 bits", "parquet, 64 bits", "csv"])
def test_ten_million_rows(endpoint: Endpoint, eli: Actor, form: str) -> None:
    content = csv() if form == "csv" else parquet(pa.float32() if "32" in form else pa.float64())
    size = len(content) / 2**20
    _, took_s, most = scored(endpoint, content, eli)
    print(f"\n{form}, {size:.0f} MiB: {ROWS:,} rows in {took_s:.1f} s, {ROWS / took_s:,.0f} a second, {most:.0f} MiB")
    if form != "csv":
        assert took_s <= GOAL_S
    assert most <= GOAL_MIB
