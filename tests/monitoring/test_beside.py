"""Two versions side by side: only what both did in the same hours is compared, and chance is called chance."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from core import clock
from core.refusals import Invalid
from monitoring import outcomes
from monitoring.beside import Beside, Compared, beside
from monitoring.minutes import minute_of
from monitoring.models import Outcome, Snapshot
from monitoring.packing import packed
from monitoring.stats.gaps import gap
from monitoring.stats.quality import Measure
from monitoring.stats.summary import wilson
from monitoring.stats.told import Told

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def did(
    version: str, hours_ago: int, *, track: str = "stable", right: int = 90, errors: int = 1, p95: float = 40
) -> None:
    """An hour of a version: 100 labelled predictions, `right` of them right."""
    start, told = NOW - timedelta(hours=hours_ago), Told(asked=100)
    for number in range(100):
        told.label(1, int(number < right), None, 1.0)
    Outcome.objects.create(
        endpoint="fraud",
        hour=outcomes.hour_of(start),
        hours=1,
        version=version,
        track=track,
        told=packed(told.document),
    )
    for minute in range(2):
        Snapshot.objects.create(
            endpoint="fraud", minute=minute_of(start) + minute, version=version, track=track, requests=50,
            errors=errors, p95_ms=p95 + minute, cpu_s=1.8,
        )  # fmt: skip


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def day(first: str = "", second: str = "") -> Beside:
    return beside("fraud", NOW - timedelta(hours=24), NOW, first, second)


def named(told: Beside) -> dict[str, Compared]:
    return {one.name: one for one in told.compared}


def test_only_hours_in_which_both_were_asked_count() -> None:
    for ago in (3, 4, 5):
        did("5", ago, right=20 if ago == 5 else 90)
    for ago in (3, 4):
        did("6", ago, track="canary", right=70, errors=5, p95=60)
    told = day()
    found = named(told)
    assert (told.first, told.second, told.hours, list(told.versions)) == ("5", "6", 2, ["5", "6"])
    assert [side and side.value for side in (found["requests"].first, found["requests"].second)] == [200, 200]
    accuracy = found["accuracy"].first
    assert accuracy
    assert (accuracy.low, accuracy.high) == wilson(180, 200)
    assert {name: one.word for name, one in found.items() if one.word} == {
        "accuracy": "worse", "errors": "worse", "p95_ms": "worse", "precision": "worse",
    }  # fmt: skip
    assert found["p95_ms"].gap == pytest.approx((20, 19.307, 20.693), abs=1e-3)


def test_the_order_that_is_asked_for_turns_the_words_round() -> None:
    did("5", 3)
    did("6", 3, track="canary", right=60)
    assert (named(day("5", "6"))["accuracy"].word, named(day("6", "5"))["accuracy"].word) == ("worse", "better")


def test_cost_is_cpu_by_the_price_of_a_core(settings: Settings) -> None:
    did("5", 3)
    did("6", 3)
    assert "cost" not in named(day())
    settings.CORE_HOUR_PRICE = 0.5
    spent, cost = named(day())["cpu_s"].first, named(day())["cost"].first
    assert spent
    assert cost
    assert spent.value == 36.0
    assert cost.value == pytest.approx(0.005)


@pytest.mark.parametrize("others", [(), ("6",)])
def test_versions_that_share_no_hour_are_not_compared(others: tuple[str, ...]) -> None:
    did("5", 3)
    for version in others:
        did(version, 9)
    told = day()
    assert (told.hours, told.compared) == (0, ())


def test_a_span_over_a_week_is_refused() -> None:
    with pytest.raises(Invalid, match="7 days at most"):
        beside("fraud", NOW - timedelta(days=8), NOW)


def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says() -> None:
    lot, held = random.Random(5), 0
    for _ in range(400):
        rows = [sum(lot.random() < chance for _ in range(300)) for chance in (0.8, 0.85)]
        found = gap(*(Measure(hits / 300, *(wilson(hits, 300) or (0.0, 1.0)), 300) for hits in rows))
        assert found
        held += found.low <= 0.05 <= found.high
    assert 0.92 <= held / 400 <= 0.98
