"""Differences of two measures, with an interval made of theirs (Newcombe's square-and-add, for measures apart)."""

from math import hypot
from typing import NamedTuple

from monitoring.stats.quality import Measure


class Gap(NamedTuple):
    """The second less the first; `low` to `high` holds for one look."""

    value: float
    low: float
    high: float

    @property
    def is_chance(self) -> bool:
        """Whether it is no more than chance."""
        return self.low <= 0 <= self.high


def gap(first: Measure | None, second: Measure | None) -> Gap | None:
    """Return the difference; None where one of them, or its interval, is not known."""
    if first is None or second is None or None in (first.low, first.high, second.low, second.high):
        return None
    value = second.value - first.value
    below = hypot(second.value - (second.low or 0.0), (first.high or 0.0) - first.value)
    above = hypot((second.high or 0.0) - second.value, first.value - (first.low or 0.0))
    return Gap(value, value - below, value + above)
