"""Summaries of a window: quantiles and intervals of a rate."""

import math
from collections.abc import Sequence

Z95 = 1.959964
MANY = 1e6


def evidence(value: float) -> str:
    """Return evidence as people read it: past a million nobody asks how much more."""
    return f"{value:,.0f}" if value < MANY else f"over {MANY:,.0f}"


def quantile(ordered: Sequence[float], part: float) -> float | None:
    """Return the smallest of the ordered values that at least `part` of them do not exceed; None of none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def wilson(hits: int, of: int, z: float = Z95) -> tuple[float, float] | None:
    """Return Wilson's interval of a rate, 95 % by default; None of nothing."""
    if not of:
        return None
    rate, spread = hits / of, z * z / of
    middle = rate + spread / 2
    half = z * math.sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))
