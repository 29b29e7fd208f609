"""Summaries of a window: quantiles and intervals of a rate."""

import math
from collections.abc import Sequence

Z95 = 1.959964
MANY = 1e6
UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def evidence(value: float) -> str:
    """Return evidence as people read it: past a million nobody asks how much more."""
    return f"{value:,.0f}" if value < MANY else f"over {MANY:,.0f}"


def lasting(seconds: float) -> str:
    """Return a time as people say it, exact to the part of a second, such as 1 h 30 min."""
    said, left = [], seconds
    for unit, size in UNITS:
        count, left = divmod(left, size)
        said += [f"{count:g} {unit}"] if count else []
    return " ".join([*said, f"{left:g} s"] if left or not said else said)


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
