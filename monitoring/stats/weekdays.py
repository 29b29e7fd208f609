"""Like with like: which days of the reference a day is compared with."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import accumulate
from math import log, sqrt
from typing import Generic, TypeVar

from monitoring.stats.references import Reference
from monitoring.stats.sequential import LOG2

Value = TypeVar("Value", float, str)
WORKDAYS = 5
CELLS = 64
DOUBT = 0.01  # chance of keeping days apart that are alike
Group = frozenset[int]
WEEK: Group = frozenset(range(7))
CLASSES: tuple[Group, ...] = (frozenset(range(WORKDAYS)), WEEK - frozenset(range(WORKDAYS)))


def weekday_of(day: int | str) -> int:
    """Return the weekday of a day, 0 for Monday: of a date, or of a number of days since a Monday."""
    return date.fromisoformat(day).weekday() if isinstance(day, str) else day % 7


class LikeWithLike(Generic[Value]):
    """A reference for each weekday. Days that differ in the reference are kept apart, as far as they do.

    All days are one reference; where workdays and weekends differ, two; where days within these differ, seven. Fewer
    are better: a larger reference knows more.
    """

    def __init__(
        self, kind: Callable[[Iterable[Value]], Reference[Value]], values: Sequence[tuple[int | None, Value]]
    ) -> None:
        by_day: dict[int | None, list[Value]] = defaultdict(list)
        for weekday, value in values:
            by_day[weekday].append(value)
        self.references: dict[int, Reference[Value]] = {}
        for group in _groups(by_day):
            found = [value for weekday in by_day if weekday in group or weekday is None for value in by_day[weekday]]
            reference = kind(found or [value for _, value in values])
            self.references.update(dict.fromkeys(group, reference))

    def log_p(self, window: Sequence[Value], weekday: int, signals: int) -> float:
        """Return the bound of a window of that weekday."""
        return self.references[weekday].log_p(window, signals)


def _groups(by_day: dict[int | None, list[Value]]) -> Sequence[Group]:
    if None in by_day or len(by_day) < len(WEEK):
        return (WEEK,)
    counts = _counts({day: values for day, values in by_day.items() if day is not None})
    if not all(_alike(counts, part, group) for group in CLASSES for part in map(_alone, group)):
        return tuple(map(_alone, WEEK))
    return (WEEK,) if _alike(counts, CLASSES[0], WEEK) else CLASSES


def _alone(weekday: int) -> Group:
    return frozenset({weekday})


def _counts(by_day: dict[int, list[Value]]) -> dict[int, list[int]]:
    """Return how many values of each day lie up to each of some 64 cells, in order."""
    ordered = sorted(value for values in by_day.values() for value in values)
    edges = sorted({ordered[place * len(ordered) // CELLS] for place in range(CELLS)})
    found = {}
    for day, values in by_day.items():
        cells = [0] * (len(edges) + 1)
        for value in values:
            cells[bisect_right(edges, value)] += 1
        found[day] = list(accumulate(cells))
    return found


def _alike(counts: dict[int, list[int]], part: Group, group: Group) -> bool:
    """Return whether some days look like the others of their group, by their distribution functions."""
    these, those = (list(map(sum, zip(*(counts[day] for day in days), strict=True))) for days in (part, group - part))
    apart = max(abs(one / these[-1] - other / those[-1]) for one, other in zip(these, those, strict=True))
    return apart <= sqrt((LOG2 + log(len(group) / DOUBT)) / 2 * (1 / these[-1] + 1 / those[-1]))
