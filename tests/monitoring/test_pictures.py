"""Cells as bars: their shares sum to 1, and lie where the values do."""

import random
from collections.abc import Callable, Sequence

import pytest

from monitoring.stats.pictures import BARS, LEVELS, Bar, bars
from monitoring.stats.profiles import Baseline


def drawn(values: Sequence[object], window: Sequence[object]) -> list[Bar]:
    baseline = Baseline.of(values)
    return bars(baseline.cells["value"], baseline.count(window).counts["value"])


@pytest.mark.parametrize("shape", ["even", "heavy", "few", "one"])
def test_shares_sum_to_one_whatever_the_values(shape: str) -> None:
    rng = random.Random(1)
    draws: dict[str, Callable[[], float]] = {
        "even": lambda: rng.uniform(0, 100),
        "heavy": lambda: rng.paretovariate(0.5),
        "few": lambda: rng.choice((0, 0, 1, 7)),
        "one": lambda: 5.0,
    }
    draw = draws[shape]
    found = drawn([draw() for _ in range(3_000)], [draw() * 1.2 for _ in range(500)])
    assert sum(bar.then for bar in found) == pytest.approx(1)
    assert sum(bar.now or 0 for bar in found) == pytest.approx(1)
    assert all(bar.then >= 0 and (bar.now or 0) >= 0 for bar in found)


def test_bars_lie_where_the_values_do() -> None:
    found = drawn([float(n) for n in range(1_001)], [250.0] * 90 + [-5.0] * 6 + [2_000.0] * 4)
    assert len(found) == BARS + 2
    assert (found[0].low, found[-1].high) == (None, None)
    assert [found[0].now, found[-1].now] == pytest.approx([0.06, 0.04])
    holds = next(bar for bar in found if bar.low is not None and bar.high and bar.low < 250 <= bar.high)
    assert holds.now == pytest.approx(0.9)
    assert [bar.then for bar in found[1:-1]] == pytest.approx([0.98 / BARS] * BARS, abs=0.002)


def test_levels_that_are_not_among_the_usual_ones_are_others() -> None:
    reference = [str(level) for level in range(20) for _ in range(50 - level)]
    found = drawn(reference, ["0", "19", "new", "new"])
    assert [bar.level for bar in found] == [*map(str, range(LEVELS)), "others"]
    assert (found[0].now, found[-1].now) == (0.25, 0.75)


def test_a_window_without_values_has_no_shares() -> None:
    assert {bar.now for bar in drawn([1.0, 2.0], [None])} == {None}
