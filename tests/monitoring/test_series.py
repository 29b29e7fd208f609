from datetime import datetime, timedelta

import pytest

from core.refusals import Invalid
from monitoring.minutes import minute_of
from monitoring.models import Snapshot
from monitoring.series import METRICS, Grid, drawn, series, together
from tests.monitoring.observed import BEGIN

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
HOUR = timedelta(hours=1)


def told(after_min: int, track: str = "stable", version: str = "2", rollout: str = "r1", **more: float) -> None:
    minute = minute_of(BEGIN) + after_min
    Snapshot.objects.create(endpoint="fraud", minute=minute, track=track, version=version, rollout=rollout, **more)


def test_a_short_span_shows_each_minute_and_gaps_as_gaps() -> None:
    told(0, requests=10, errors=1, p95_ms=40.0)
    told(2, requests=20, p95_ms=50.0)
    told(2, "canary", "3", requests=1, p95_ms=60.0)
    found = series("fraud", BEGIN, BEGIN + HOUR, "p95_ms")
    assert (found.unit, found.step_s, len(found.at)) == ("ms", 60, 120)
    assert found.at[:3] == [BEGIN.timestamp(), BEGIN.timestamp() + 30, BEGIN.timestamp() + 60]
    assert found.tracks["stable"][:7] == [40, 40, None, None, 50, 50, None]
    assert found.tracks["canary"][:7] == [None] * 4 + [60, 60, None]
    assert series("fraud", BEGIN, BEGIN + HOUR, "errors").tracks["stable"][:6] == [10, 10, None, None, 0, 0]
    assert series("other", BEGIN, BEGIN + HOUR, "errors").tracks == {}


def test_what_was_not_measured_is_a_gap_and_not_a_zero() -> None:
    told(0, requests=0, memory_mb=90.0)
    lines = drawn("fraud", Grid.over(BEGIN, BEGIN + HOUR, 1000), METRICS)
    assert {name for name, _ in lines} == {"requests", "memory"}
    assert lines["requests", "stable"][:2] == [0, 0]


@pytest.mark.parametrize("length", [HOUR, timedelta(hours=24), timedelta(days=7), timedelta(days=90)])
@pytest.mark.parametrize("begin", [BEGIN, BEGIN + timedelta(minutes=37, seconds=5)])
def test_no_span_has_more_than_2_000_points_and_none_loses_its_ends(length: timedelta, begin: datetime) -> None:
    grid = Grid.over(begin, begin + length, 1000)
    assert len(grid.at) <= 2000
    assert grid.at[0] <= begin.timestamp()
    assert grid.at[0] + grid.step_s * grid.count >= (begin + length).timestamp()


def test_no_peak_is_lost_in_a_bucket() -> None:
    for minute in range(60):
        told(minute, requests=1, p95_ms=400.0 if minute == 31 else 5.0 if minute == 30 else 40.0)
    found = series("fraud", BEGIN, BEGIN + timedelta(days=30), "p95_ms")
    seen = [value for value in found.tracks["stable"] if value is not None]
    assert (min(seen), max(seen)) == (5, 400)


def test_rates_over_several_minutes_weigh_requests_and_not_minutes() -> None:
    told(0, requests=90, errors=0, labelled=45, correct=45)
    told(1, requests=10, errors=10)
    told(2, requests=10, errors=0, labelled=5, correct=0)
    lines = together("fraud", Grid.over(BEGIN, BEGIN + HOUR, 2), ["errors", "accuracy", "coverage", "requests"])
    only = {name: next(value for value in line if value is not None) for (name, _), line in lines.items()}
    assert only["errors"] == pytest.approx(100 * 10 / 110)
    assert only["accuracy"] == pytest.approx(90)
    assert only["coverage"] == pytest.approx(50)
    assert only["requests"] == pytest.approx(110 / 3)


def test_a_minute_in_which_a_rollout_began_is_one_minute() -> None:
    told(0, rollout="r1", requests=90, p95_ms=40.0, cpu_s=6.0, memory_mb=90.0)
    told(0, rollout="r2", requests=10, p95_ms=20.0, cpu_s=3.0, memory_mb=80.0)
    told(0, rollout="r3", requests=0)
    lines = drawn("fraud", Grid.over(BEGIN, BEGIN + HOUR, 1000), METRICS)
    first = {name: line[0] for (name, _), line in lines.items() if line[0] is not None}
    assert first == pytest.approx(
        {"requests": 100, "errors": 0, "p95_ms": 38, "coverage": 0, "cpu": 0.15, "memory": 90}
    )


@pytest.mark.parametrize(
    ("since", "until", "metric"),
    [
        (BEGIN, BEGIN, "errors"),
        (BEGIN, BEGIN - HOUR, "errors"),
        (BEGIN, BEGIN + timedelta(days=91), "errors"),
        (BEGIN, BEGIN + HOUR, "p42_ms"),
    ],
)
def test_a_span_or_a_metric_that_is_none_is_refused(since: datetime, until: datetime, metric: str) -> None:
    with pytest.raises(Invalid):
        series("fraud", since, until, metric)
