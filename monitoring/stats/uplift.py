"""What a version does to a number of its units: the difference of two versions, cleared of what the units did before.

CUPED: of each unit's number is taken what its number before the change predicts, which widens nothing and narrows the
interval by the correlation of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, sqrt
from statistics import NormalDist, fmean
from typing import Any

ALPHA = 0.05
SPLIT_ALPHA = 0.001
USUAL = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99)  # shares that are planned
TUNED = 1_000  # units at which the sequence is narrowest
FEW = 3
BASELINES = ("control", "stable", "live", "baseline", "champion", "old")


@dataclass
class Arm:
    """The units of one version: their number before, where it is known, and after."""

    units: list[tuple[float | None, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Uplift:
    """The candidate's mean less the baseline's. `lo` to `hi` holds for one look at a finished log, `always` ever."""

    est: float | None = None
    lo: float | None = None
    hi: float | None = None
    always: tuple[float, float] | None = None
    why_not: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """As plain JSON."""
        always = dict(zip(("lo", "hi"), self.always, strict=True)) if self.always else None
        return {"est": self.est, "lo": self.lo, "hi": self.hi, "sequence": always, "why_not": self.why_not or None}


def in_order(versions: Sequence[str]) -> list[str]:
    """Return versions with the baseline first: by name, else the lower number or the earlier word."""

    def place(version: str) -> tuple[bool, float, str]:
        digits = version.lstrip("vV")
        return version.lower() not in BASELINES, float(digits) if digits.isdecimal() else 0.0, version

    return sorted(versions, key=place)


def uplift(baseline: Arm, candidate: Arm, planned: float | None = None) -> Uplift:
    """Return the uplift, or why none is claimed: too few units, or a split that is not as planned.

    Where nobody says what was `planned` for the candidate, it is the nearest of the usual shares.
    """
    sizes = len(baseline.units), len(candidate.units)
    if min(sizes) < FEW:
        return Uplift(why_not="a version has too few units")
    share = sizes[1] / sum(sizes)
    wanted = min(USUAL, key=lambda usual: abs(usual - share)) if planned is None else planned
    if is_off(sizes[1], sum(sizes), wanted):
        return Uplift(why_not=f"{share:.1%} of the units have the candidate, and {wanted:.1%} were planned")
    return _cleared(baseline, candidate)


def is_off(hits: int, of: int, share: float) -> bool:
    """Return whether `hits` of `of` is not a draw with that share, at 1 in 1,000."""
    distance = abs(hits - of * share) / sqrt(of * share * (1.0 - share))
    return distance > NormalDist().inv_cdf(1.0 - SPLIT_ALPHA / 2)


def _cleared(baseline: Arm, candidate: Arm) -> Uplift:
    known = [pre for arm in (baseline, candidate) for pre, _ in arm.units if pre is not None]
    middle = fmean(known) if known else 0.0
    arms = [[(middle if pre is None else pre, post) for pre, post in arm.units] for arm in (baseline, candidate)]
    slope = _slope(arms)
    cleared = [[post - slope * (pre - middle) for pre, post in arm] for arm in arms]
    means = [fmean(values) for values in cleared]
    error = sqrt(sum(_variance(values, mean) / len(values) for values, mean in zip(cleared, means, strict=True)))
    est = means[1] - means[0]
    once, always = error * NormalDist().inv_cdf(1.0 - ALPHA / 2), error * _widening(sum(map(len, arms)))
    return Uplift(est, est - once, est + once, (est - always, est + always))


def _slope(arms: Sequence[Sequence[tuple[float, float]]]) -> float:
    """Return how much of a unit's number its earlier number predicts, within versions."""
    together = apart = 0.0
    for arm in arms:
        before, after = fmean(pre for pre, _ in arm), fmean(post for _, post in arm)
        together += sum((pre - before) * (post - after) for pre, post in arm)
        apart += sum((pre - before) ** 2 for pre, _ in arm)
    return together / apart if apart else 0.0


def _variance(values: Sequence[float], mean: float) -> float:
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _widening(units: int) -> float:
    """Return how many standard errors a normal-mixture confidence sequence takes (Waudby-Smith and others)."""
    root = -2.0 * log(ALPHA)
    mixed = 1.0 + units * (root + log(root + 1.0)) / TUNED
    return sqrt(mixed / (mixed - 1.0) * log(mixed / ALPHA**2))
