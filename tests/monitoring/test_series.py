import importlib
import random
from datetime import datetime, timedelta

import pytest
from django.apps import apps
from django.db import connections

from core.refusals import Invalid
from monitoring import hours
from monitoring.metrics import METRICS
from monitoring.minutes import minute_of
from monitoring.models import Hour, OpenHour, Snapshot
from monitoring.series import Grid, apart, drawn, series, together
from tests.monitoring.observed import BEGIN

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
HOUR = timedelta(hours=1)


def told(after_min: int, track: str = "stable", version: str = "2", rollout: str = "r1", **more: float) -> None:
    minute = minute_of(BEGIN) + after_min
    Snapshot.objects.create(endpoint="fraud", minute=minute, track=track, version=version, rollout=rollout, **more)
    hours.reopen("fraud", minute)


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
    lines = drawn("fraud", Grid.over(BEGIN, BEGIN + HOUR, 1000), METRICS, {})
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
    assert hours.close_open() == 2
    found = series("fraud", BEGIN, BEGIN + timedelta(days=30), "p95_ms")
    seen = [value for value in found.tracks["stable"] if value is not None]
    assert (min(seen), max(seen)) == (5, 400)


def test_rates_over_several_minutes_weigh_requests_and_not_minutes() -> None:
    told(0, requests=90, errors=0, labelled=45, correct=45)
    told(1, requests=10, errors=10)
    told(2, requests=10, errors=0, labelled=5, correct=0)
    hours.close_open()
    lines = together("fraud", Grid.over(BEGIN, BEGIN + HOUR, 2), ["errors", "accuracy", "coverage", "requests"], {})
    only = {name: next(value for value in line if value is not None) for (name, _), line in lines.items()}
    assert only["errors"] == pytest.approx(100 * 10 / 110)
    assert only["accuracy"] == pytest.approx(90)
    assert only["coverage"] == pytest.approx(50)
    assert only["requests"] == pytest.approx(110 / 3)


def test_a_minute_in_which_a_rollout_began_is_one_minute() -> None:
    told(0, rollout="r1", requests=90, p95_ms=40.0, cpu_s=6.0, memory_mb=90.0)
    told(0, rollout="r2", requests=10, p95_ms=20.0, cpu_s=3.0, memory_mb=80.0)
    told(0, rollout="r3", requests=0)
    lines = drawn("fraud", Grid.over(BEGIN, BEGIN + HOUR, 1000), METRICS, {})
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


def test_buckets_of_hours_say_what_their_minutes_do(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)
    for minute in range(0, 4 * 1440, 7):
        told(
            minute, version=str(2 + minute // 2000), rollout=f"r{minute // 1000}", requests=9, labelled=4, cpu_s=3.0,
            errors=chance.randint(0, 9), correct=chance.randint(0, 4), p95_ms=chance.uniform(5, 90), p99_ms=99.0,
        )  # fmt: skip
        told(minute, "canary", f"{3 + minute // 1500}", requests=chance.randint(0, 2), memory_mb=chance.uniform(50, 90))
        if minute % 5 == 0:
            told(minute, rollout="next", version="9", requests=3, p95_ms=7.0)
    hours.close_open()
    grid = Grid.over(BEGIN, BEGIN + timedelta(days=4), 48)
    names = apart("fraud", grid)
    assert sorted(names.values()) == ["canary v3", "canary v4", "canary v5", "canary v6"]
    by_hours = [kind("fraud", grid, METRICS, names) for kind in (drawn, together)]
    monkeypatch.setattr(Grid, "is_hourly", False)
    assert names == apart("fraud", grid)
    for told_by_hours, kind in zip(by_hours, (drawn, together), strict=True):
        told_by_minutes = kind("fraud", grid, METRICS, names)
        assert told_by_hours.keys() == told_by_minutes.keys()
        for key, line in told_by_minutes.items():
            assert told_by_hours[key] == [value if value is None else pytest.approx(value) for value in line], key


def test_an_hour_follows_each_change_of_its_minutes() -> None:
    told(0, requests=10, errors=1)
    hours.close_open()
    Snapshot.objects.update(errors=5)
    assert hours.close_open() == 0
    hours.reopen("fraud", minute_of(BEGIN))
    hours.close_open()
    assert (Hour.objects.get(metric="errors").high, OpenHour.objects.count()) == (50, 0)
    Snapshot.objects.all().delete()
    hours.reopen("fraud", minute_of(BEGIN))
    hours.close_open()
    assert not Hour.objects.exists()


def test_the_hours_of_a_home_from_before_are_closed_too() -> None:
    for minute in (0, 1, 61):
        told(minute, requests=10)
    OpenHour.objects.all().delete()
    migration = importlib.import_module("monitoring.migrations.0003_hours")
    migration.open_hours(apps, connections["telemetry"].schema_editor())
    assert hours.close_open() == 2
    assert {row.total for row in Hour.objects.filter(metric="requests")} == {10, 20}
