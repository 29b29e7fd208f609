"""A reference as counts in cells, and windows as counts in the same cells: they add up, and say how far apart they are.

Of numbers the distance errs by one cell's part of the reference at most (1 in 500), on any distribution.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, log, nextafter
from typing import Any

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
    def of(cls, values: Iterable[float]) -> "NumberCells":
        """Return the cells of a reference that is not empty, each of about the same part of it."""
        ordered = sorted(values)
        size = len(ordered)
        edges = {ordered[-(-place * size // CELLS) - 1] for place in range(1, CELLS + 1)} | {ordered[0]}
        heavy = {value for value, count in Counter(ordered).items() if count * CELLS > size}
        made = cls(sorted(edges | heavy | {nextafter(value, -inf) for value in heavy}), ())
        return cls(made.edges, made.count(ordered))

    def count(self, values: Iterable[float]) -> Counts:
        """Return how many of the values lie in each cell."""
        counts = [0] * (len(self.edges) + 1)
        for value in values:
            counts[bisect_left(self.edges, value)] += 1
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
    def of(cls, values: Iterable[str]) -> "LevelCells":
        """Return the cells of a reference that is not empty, the most usual level first."""
        seen = Counter(values)
        size = sum(seen.values())
        levels = [level for level, count in seen.most_common() if count >= RARE * size]
        known = [seen[level] for level in levels]
        return cls(levels, [*known, size - sum(known)])

    @property
    def log_sides(self) -> float:
        """The logarithm of how many sets of levels there are."""
        return (len(self.levels) + 1) * LOG2

    def count(self, values: Iterable[str]) -> Counts:
        """Return how many of the values are of each level."""
        seen = Counter(values)
        known = [seen[level] for level in self.levels]
        return [*known, seen.total() - sum(known)]

    def distance(self, counts: Sequence[int]) -> float:
        """Return the total variation; of windows that are not empty."""
        return variation(self.counts, counts)


Cells = NumberCells | LevelCells


def log_p(cells: Cells, counts: Sequence[int], signals: int) -> float:
    """Return the logarithm of a bound on how likely a window is within the tolerance; 0 for as it should be."""
    return bound(cells.distance(counts), sum(counts), sum(cells.counts), signals, cells.log_sides)


def stability(cells: Cells, counts: Sequence[int]) -> float:
    """Return the population stability index over about ten groups, less what chance alone makes of it; 0 at least."""
    of, size = sum(counts), sum(cells.counts)
    groups = _grouped(cells.counts, counts, size / GROUPS)
    shares = [(max(now / of, LEAST_SHARE), max(then / size, LEAST_SHARE)) for then, now in groups]
    index = sum((now - then) * log(now / then) for now, then in shares)
    return max(0.0, index - (len(groups) - 1) * (1 / of + 1 / size))


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
