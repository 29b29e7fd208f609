"""How fast evidence is taken in: from the stream into rows and a tally, both halves of each request."""

import time

import pytest

from monitoring import ingest
from monitoring.models import Prediction
from tests.monitoring.conftest import Stream, stream, watched

__all__ = ["stream", "watched"]
pytestmark = [pytest.mark.bench, pytest.mark.usefixtures("committed")]
REQUESTS = 10_000


def test_records_a_second_from_the_stream_into_rows(watched: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(REQUESTS):
        watched.request(f"q{number}", "canary" if number % 20 == 0 else "stable")
    begun = time.perf_counter()
    assert ingest.drain(limit=2 * REQUESTS) == 2 * REQUESTS
    took_s = time.perf_counter() - begun
    assert Prediction.objects.count() == REQUESTS
    with capsys.disabled():
        print(f"\nevidence: {2 * REQUESTS / took_s:,.0f} records/s, {REQUESTS / took_s:,.0f} requests/s")
