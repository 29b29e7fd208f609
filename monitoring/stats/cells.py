"""A reference as counts in cells, and windows as counts in the same cells: they add up, and say how far apart they are.

Of numbers the distance errs by one cell's part of the reference at most (1 in 500), on any distribution.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, log, nextafter
from typing import Any, NamedTuple

from monitoring.stats.references import RARE, bound, variation
from monitoring.stats.sequential import LOG2

CELLS = 500
GROUPS = 10  # that a population stability index compares
LEAST_SHARE = 1e-4  # of an empty group, which has no logarithm
Counts = list[int]


@dataclass(frozen=True)
class NumberCells:
    """Numbers: cell i holds what is over edge i-1 and not over edge i; the last one what is over all edges.

    A value that fills a cell by itself has an edge right below it too, so that the cell holds nothing else.
    """

    edges: Sequence[float]
    counts: Sequence[int]

    log_sides = LOG2

    @classmethod
    def of(cls, seen: Mapping[float, int]) -> "NumberCells":
        """Return the cells of a reference that is not empty, how often by value, each of about the same part of it."""
        ordered = sorted(seen)
        reached = list(accumulate(seen[value] for value in ordered))
        size = reached[-1]
        places = (bisect_left(reached, -(-place * size // CELLS)) for place in range(1, CELLS + 1))
        edges = {ordered[place] for place in places} | {ordered[0]}
        heavy = {value for value, count in seen.items() if count * CELLS > size}
        made = cls(sorted(edges | heavy | {nextafter(value, -inf) for value in heavy}), ())
        return cls(made.edges, made.count(seen))

    def count(self, seen: Mapping[float, int]) -> Counts:
        """Return how much lies in each cell, of how often by value."""
        counts = [0] * (len(self.edges) + 1)
        for value, count in seen.items():
            counts[bisect_left(self.edges, value)] += count
        return counts

    def distance(self, counts: Sequence[int]) -> float:
        """Return the largest distance of the two distribution functions at an edge; of windows that are not empty."""
        of, size = sum(counts), sum(self.counts)
        pairs = zip(accumulate(counts), accumulate(self.counts), strict=True)
        return max(abs(one / of - other / size) for one, other in pairs)


@dataclass(frozen=True)
class LevelCells:
    """Words: one cell for each level that is not rare in the reference, the last one for all others."""

    levels: Sequence[str]
    counts: Sequence[int]

    @classmethod
    def of(cls, seen: Mapping[str, int]) -> "LevelCells":
        """Return the cells of a reference that is not empty, how often by level, the most usual one first."""
        size = sum(seen.values())
        levels = [level for level, count in Counter(seen).most_common() if count >= RARE * size]
        known = [seen[level] for level in levels]
        return cls(levels, [*known, size - sum(known)])

    @property
    def log_sides(self) -> float:
        """The logarithm of how many sets of levels there are."""
        return (len(self.levels) + 1) * LOG2

    def count(self, seen: Mapping[str, int]) -> Counts:
        """Return how much is of each level, of how often by value."""
        known = [seen.get(level, 0) for level in self.levels]
        return [*known, sum(seen.values()) - sum(known)]

    def distance(self, counts: Sequence[int]) -> float:
        """Return the total variation; of windows that are not empty."""
        return variation(self.counts, counts)


Cells = NumberCells | LevelCells


class Sizes(NamedTuple):
    """How many rows of one weight tell as much as those that were seen."""

    window: float
    reference: float


def log_p(cells: Cells, counts: Sequence[int], sizes: Sizes, signals: int) -> float:
    """Return the logarithm of a bound on how likely a window is within the tolerance; 0 for as it should be."""
    return bound(cells.distance(counts), sizes.window, sizes.reference, signals, cells.log_sides)


def stability(cells: Cells, counts: Sequence[int], sizes: Sizes) -> float:
    """Return the population stability index over about ten groups, less what chance alone makes of it; 0 at least."""
    of, size = sum(counts), sum(cells.counts)
    groups = _grouped(cells.counts, counts, size / GROUPS)
    shares = [(max(now / of, LEAST_SHARE), max(then / size, LEAST_SHARE)) for then, now in groups]
    index = sum((now - then) * log(now / then) for now, then in shares)
    return max(0.0, index - (len(groups) - 1) * (1 / sizes.window + 1 / sizes.reference))


def _grouped(then: Sequence[int], now: Sequence[int], least: float) -> list[tuple[int, int]]:
    """Return neighbouring cells together, so that each group but the last has `least` of the reference."""
    groups = [(0, 0)]
    for before, after in zip(then, now, strict=True):
        if groups[-1][0] >= least:
            groups.append((0, 0))
        groups[-1] = (groups[-1][0] + before, groups[-1][1] + after)
    return groups


def to_document(cells: Cells) -> dict[str, Any]:
    """Return cells as JSON has them."""
    names: Mapping[str, Any] = vars(cells)
    return {name: list(values) for name, values in names.items()}


def of_document(said: Mapping[str, Any]) -> Cells:
    """Return the cells of a document."""
    return LevelCells(**said) if "levels" in said else NumberCells(**said)
