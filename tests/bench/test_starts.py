"""What a start costs until the first answer: of a new home, and of one that was served before."""

import time
from pathlib import Path

import pytest

from tests.bench.registries import mlflow, signoff
from tests.bench.usage import cpu_s

pytestmark = pytest.mark.bench
LESS = 5  # times less processor time than the peer's


def test_processor_time_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mlflow(tmp_path / "mlflow") as peer:
        first = peer.start_cpu_s
    with mlflow(tmp_path / "mlflow") as peer:
        theirs = peer.start_cpu_s
    with signoff(tmp_path / "signoff") as own:
        mine_first, stack = own.start_cpu_s, own.stack
    assert stack
    began = time.monotonic()
    stack.start_again()
    try:
        took_s, mine = time.monotonic() - began, cpu_s(stack.process.pid)
    finally:
        stack.stop()
    with capsys.disabled():
        print(f"\nCPU seconds of a first start: MLflow {first:.1f}, Signoff {mine_first:.1f}")
        print(f"of the next: MLflow {theirs:.1f}, Signoff {mine:.1f}, ready after {took_s:.1f} s")
    assert mine * LESS <= theirs
