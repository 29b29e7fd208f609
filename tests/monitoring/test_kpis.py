"""Numbers of the business by unit: told late, twice and otherwise, compared where the draw was known."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections

from core import clock
from core.refusals import Invalid, TooLarge
from monitoring import kpis
from monitoring.kpis import Number
from monitoring.models import Prediction, UnitNumber

pytestmark = pytest.mark.postgresql
ON_ROWS = pytest.mark.django_db(databases=["default", "telemetry"])
ROLLOUT = "11111111-2222-3333-4444-555555555555"


def ask(units: dict[str, str], share_pct: int, *, minutes_ago: int = 5, **more: object) -> None:
    """Let each unit ask twice, and be drawn into its track."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    Prediction.objects.bulk_create(
        Prediction(
            endpoint="fraud", request_id=uuid4().hex, at=at, routed=True, rollout=ROLLOUT, step=str(share_pct),
            track=track, unit=unit, **{"drawn": True, **more},
        )
        for unit, track in units.items()
        for _ in range(2)
    )  # fmt: skip


def keep(*numbers: Number, kpi: str = "revenue") -> dict[str, int]:
    return kpis.keep(ROLLOUT, kpi, numbers, by="dana")


def population(size: int, share_pct: int, gain: float) -> dict[str, str]:
    rng = random.Random(7)
    units = {f"u{n}": "canary" if rng.random() * 100 < share_pct else "stable" for n in range(size)}
    for unit, track in units.items():
        before = rng.gauss(100, 20)
        keep(Number(unit, before, before + rng.gauss(5, 4) + (gain if track == "canary" else 0)))
    return units


@ON_ROWS
def test_a_gain_is_found_and_its_interval_is_narrow_for_what_units_did_before() -> None:
    ask(population(600, 30, 3.0), 30)
    (one,) = kpis.compared(ROLLOUT)
    assert (one.kpi, one.share_pct, sum(one.sides), one.elsewhere) == ("revenue", 30, 600, 0)
    assert one.uplift.est == pytest.approx(3.0, abs=1.0)
    assert one.uplift.always is not None
    assert 0 < one.uplift.always[0] < (one.uplift.est or 0) < one.uplift.always[1]
    assert one.uplift.always[1] - one.uplift.always[0] < 3.0  # 20 of spread before would make it over 10


@ON_ROWS
def test_nothing_is_claimed_where_the_split_is_not_as_planned() -> None:
    ask({unit: "stable" if int(unit[1:]) % 2 else track for unit, track in population(400, 50, 3.0).items()}, 50)
    (one,) = kpis.compared(ROLLOUT)
    assert one.uplift.est is None
    assert "50.0% were planned" in one.uplift.why_not


@ON_ROWS
def test_only_the_last_shares_units_count_and_those_of_one_side() -> None:
    ask({"a": "canary", "b": "stable"}, 5, minutes_ago=60)
    ask({"c": "canary", "d": "stable", "e": "canary"}, 50)
    ask({"e": "stable"}, 50)
    ask({"f": "canary"}, 50, drawn=False)
    keep(*(Number(unit, None, 1.0) for unit in "abcdefg"))
    (one,) = kpis.compared(ROLLOUT)
    assert (one.share_pct, one.sides, one.elsewhere) == (50, (1, 1), 5)
    assert one.uplift.why_not == "a version has too few units"


@ON_ROWS
def test_before_anybody_asked_it_says_so() -> None:
    assert kpis.compared(ROLLOUT) == []
    keep(Number("a", 1.0, 2.0))
    (one,) = kpis.compared(ROLLOUT)
    assert one.uplift.why_not == kpis.NOBODY


@ON_ROWS
def test_a_later_word_counts_and_the_earlier_stays() -> None:
    assert keep(Number("a", 1.0, 2.0), Number("b", None, 3.0)) == {"new": 2, "revised": 0, "repeated": 0}
    assert keep(Number("a", 1.0, 2.0), Number("b", None, 4.0)) == {"new": 0, "revised": 1, "repeated": 1}
    assert list(UnitNumber.objects.filter(unit="b").order_by("revision").values_list("since", flat=True)) == [3.0, 4.0]
    ask({"a": "stable", "b": "canary"}, 50)
    (one,) = kpis.compared(ROLLOUT)
    assert one.means == (2.0, 4.0)


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"unit": "a"}, "unit and post"),
        ({"unit": "a", "post": 1, "after": 2}, "unit and post"),
        ({"unit": "", "post": 1}, "1 to 256"),
        ({"unit": 7, "post": 1}, "1 to 256"),
        ({"unit": "a", "post": "1"}, "are numbers"),
        ({"unit": "a", "post": float("nan")}, "are numbers"),
        ({"unit": "a", "post": True}, "are numbers"),
        ({"unit": "a", "post": 1e16}, "are numbers"),
        ({"unit": "a", "pre": float("inf"), "post": 1}, "are numbers"),
        ("a", "unit and post"),
    ],
)
def test_what_is_no_number_of_a_unit_is_refused_by_its_place(item: object, why: str) -> None:
    with pytest.raises(Invalid, match=f"Unit 1: .*{why}"):
        kpis.numbers_of([{"unit": "ok", "post": 1}, item])


@ON_ROWS
def test_names_and_lengths_have_bounds() -> None:
    for name in ("", " x", "a\nb", "x" * 65):
        with pytest.raises(Invalid, match="kpi"):
            keep(kpi=name)
    with pytest.raises(TooLarge):
        kpis.numbers_of([None] * 10_001)
    for number in range(kpis.MOST_KPIS):
        keep(Number("a", None, 1.0), kpi=f"kpi {number}")
    with pytest.raises(Invalid, match="20 numbers at most"):
        keep(Number("a", None, 1.0), kpi="one more")


@pytest.mark.usefixtures("committed")
def test_two_calls_at_once_lose_nothing() -> None:
    def tell(since: int) -> dict[str, int]:
        try:
            return keep(*(Number(f"u{n}", None, float(since)) for n in range(20)))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(tell, range(4)))
    assert sum(one["new"] for one in told) == 20
    assert sum(one["revised"] for one in told) == 60
    assert UnitNumber.objects.filter(rollout=ROLLOUT).count() == 80
