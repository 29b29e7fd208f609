"""Cells as a person sees them: some bars of equal width, or the usual levels, of the reference and of a window."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from monitoring.stats.cells import Cells, LevelCells, NumberCells

BARS, LEVELS = 20, 12
TAIL = 0.01  # of the reference, on either side, stands together


@dataclass(frozen=True)
class Bar:
    """A part of what was seen. Shares are from 0 to 1, `now` None of a window without values.

    Numbers have bounds, the first bar no lower one and the last no upper one; levels have a name.
    """

    then: float
    now: float | None
    low: float | None = None
    high: float | None = None
    level: str = ""


def bars(cells: Cells, counts: Sequence[int]) -> list[Bar]:
    """Return the reference and a window as bars; their shares sum to 1 each."""
    size, of = sum(cells.counts), sum(counts)
    made = _levels(cells, counts) if isinstance(cells, LevelCells) else _numbers(cells, counts)
    return [Bar(bar.then / size, (bar.now or 0.0) / of if of else None, bar.low, bar.high, bar.level) for bar in made]


def _levels(cells: LevelCells, counts: Sequence[int]) -> list[Bar]:
    known = list(zip(cells.levels, cells.counts, counts, strict=False))
    shown = [Bar(then, now, level=level) for level, then, now in known[:LEVELS]]
    others = Bar(
        sum(cells.counts) - sum(bar.then for bar in shown),
        sum(counts) - sum(bar.now or 0 for bar in shown),
        level="others",
    )
    return [*shown, others]


def _numbers(cells: NumberCells, counts: Sequence[int]) -> list[Bar]:
    low, high = _ends(cells)
    step = (high - low) / BARS
    inner = [low + step * place for place in range(1, BARS)] if step > 0 else []
    bounds = [low, *inner, high]
    then, now = (_spread(cells.edges, one, bounds) for one in (cells.counts, counts))
    sides = list(zip([None, *bounds], [*bounds, None], strict=True))
    return [Bar(a, b, *side) for a, b, side in zip(then, now, sides, strict=True)]


def _ends(cells: NumberCells) -> tuple[float, float]:
    """Return between which values all but the tails of the reference lie."""
    reached = list(accumulate(cells.counts))
    places = (bisect_left(reached, part * reached[-1]) for part in (TAIL, 1 - TAIL))
    low, high = (cells.edges[min(place, len(cells.edges) - 1)] for place in places)
    return low, high


def _spread(edges: Sequence[float], counts: Sequence[int], bounds: Sequence[float]) -> list[float]:
    """Return how much lies between bounds, and outside them; what a cell holds lies evenly in it."""
    found = [0.0] * (len(bounds) + 1)
    found[0] += counts[0] if edges[0] <= bounds[0] else 0
    if edges[0] > bounds[0]:
        found[bisect_left(bounds, edges[0])] += counts[0]
    found[-1] += counts[-1]
    for (low, high), count in zip(pairwise(edges), counts[1:-1], strict=True):
        if count:
            _divide(found, bounds, low, high, count)
    return found


def _divide(found: list[float], bounds: Sequence[float], low: float, high: float, count: int) -> None:
    first, last = bisect_left(bounds, low), bisect_left(bounds, high)
    if first == last or high - low <= 0:
        found[last] += count
        return
    cuts = [low, *bounds[first:last], high]
    for place, (one, other) in enumerate(pairwise(cuts)):
        found[first + place] += count * ((other - one) / (high - low))
