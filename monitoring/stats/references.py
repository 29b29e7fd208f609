"""What a window is compared with: the values of a reference, and how unlikely a window is beside them."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import Protocol, TypeVar

from monitoring.stats.sequential import LOG2, tolerance

RARE = 0.01  # levels below are one
Value = TypeVar("Value", contravariant=True)


class Reference(Protocol[Value]):
    """What each kind of reference answers."""

    def log_p(self, window: Sequence[Value], signals: int) -> float:
        """Return the logarithm of a bound on how likely the window is within the tolerance; 0 for as it should be."""


def ks(ordered: Sequence[float], window: Iterable[float]) -> float:
    """Return the largest distance between the two distribution functions; the first sample is in order."""
    values = sorted(window)
    size, of, most, seen = len(ordered), len(values), 0.0, 0
    for value, count in Counter(values).items():  # in order, as they were put in
        below, above = bisect_left(ordered, value) / size, bisect_right(ordered, value) / size
        most = max(most, below - seen / of, seen / of - below)
        seen += count
        most = max(most, above - seen / of, seen / of - above)
    return most


def variation(reference: Sequence[float], window: Sequence[float]) -> float:
    """Return the total variation of two counts of the same levels."""
    size, of = sum(reference), sum(window)
    return sum(abs(now / of - then / size) for then, now in zip(reference, window, strict=True)) / 2


def bound(distance: float, of: float, size: float, signals: int, log_sides: float) -> float:
    """Return the logarithm of a bound on how likely `of` values are so far from a reference of `size`, or further.

    0 for what lies within the tolerance.
    """
    beyond = distance - tolerance(size, signals, log_sides)
    return min(0.0, log_sides - 2 * of * max(0.0, beyond) ** 2)


class Numbers:
    """Numbers, compared by the largest distance of their distribution functions (Dvoretzky-Kiefer-Wolfowitz)."""

    def __init__(self, values: Iterable[float]) -> None:
        self.ordered = sorted(values)

    def log_p(self, window: Sequence[float], signals: int) -> float:
        """Return the bound of a window of numbers."""
        return bound(ks(self.ordered, window), len(window), len(self.ordered), signals, LOG2)


class Levels:
    """Words, compared by total variation: the largest difference over all sets of levels, of which there are 2^k."""

    def __init__(self, values: Iterable[str]) -> None:
        seen = Counter(values)
        self.size = sum(seen.values())
        self.known = {level: count for level, count in seen.items() if count >= RARE * self.size}
        self.log_sides = (len(self.known) + 1) * LOG2

    def distance(self, window: Sequence[str]) -> float:
        """Return the total variation; levels that are rare in the reference, or new, are one."""
        seen = Counter(level for level in window if level in self.known)
        then, now = list(self.known.values()), [seen[level] for level in self.known]
        return variation([*then, self.size - sum(then)], [*now, len(window) - sum(now)])

    def log_p(self, window: Sequence[str], signals: int) -> float:
        """Return the bound of a window of words."""
        return bound(self.distance(window), len(window), self.size, signals, self.log_sides)


@dataclass(frozen=True)
class Rate:
    """A mean of numbers from 0 to 1, such as a share; with `only_more`, less of it is no matter."""

    mean: float
    size: float
    only_more: bool = False

    def log_p(self, window: Sequence[float], signals: int) -> float:
        """Return the bound of a window."""
        return self.log_p_of(sum(window) / len(window), len(window), signals)

    def log_p_of(self, now: float, count: float, signals: int) -> float:
        """Return the bound of a mean of `count` (Chernoff and Hoeffding)."""
        log_sides = 0.0 if self.only_more else LOG2
        allowed = tolerance(self.size, signals, log_sides)
        if now <= self.mean + allowed and (self.only_more or now >= self.mean - allowed):
            return 0.0
        nearest = self.mean + allowed if now > self.mean else self.mean - allowed
        return min(0.0, log_sides - count * _divergence(now, nearest))


def _divergence(now: float, then: float) -> float:
    """Return how far a rate is from another, in nats an observation."""
    parts = ((now, then), (1.0 - now, 1.0 - then))
    return sum(part * log(part / other) for part, other in parts if part > 0.0)
