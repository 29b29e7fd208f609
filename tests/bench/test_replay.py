"""How much of one core it takes to replay a log, the interpreter's start included; what else runs does not count."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from tests.monitoring.histories import Past
from tests.monitoring.streams import World

pytestmark = pytest.mark.bench
REQUESTS, ROUNDS, MOST_S = 100_000, 3, 3.0
MONTH, MONTH_S = Past(reference=10_000, numbers=28, days=30), 10.0
WHOLE = World(REQUESTS, segments=tuple("abcd"), meta={"guardrails": ["error", "latency", "accuracy", "value"]})


def written(lines: Iterable[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def replayed_s(module: str, log: bytes) -> float:
    """Return the processor time of one replay."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", module], input=log, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_log_of_100_000_requests_and_labels(capsys: pytest.CaptureFixture[str]) -> None:
    log = written(WHOLE.lines(1))
    took_s = [replayed_s("monitoring.stats.canary", log) for _ in range(ROUNDS)]
    with capsys.disabled():
        print(f"\nreplay of a canary: {min(took_s):.2f} s of one core for {REQUESTS:,} labelled requests")
    assert min(took_s) <= MOST_S


def test_a_month_of_a_model_with_30_features(capsys: pytest.CaptureFixture[str]) -> None:
    log = written(MONTH.lines(1))
    took_s = min(replayed_s("monitoring.stats.drift", log) for _ in range(ROUNDS))
    with capsys.disabled():
        print(f"\nreplay of a month: {took_s:.2f} s of one core for 30 days of {MONTH.a_day:,} rows, 30 features")
    assert took_s <= MONTH_S
