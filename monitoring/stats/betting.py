"""Assignment betting asks whether outcomes are spread over the two arms as requests are.

If the versions behave alike, an outcome's request was in the canary with the known share r, whatever the outcome. A
bet on the arm then gains nothing on average, at every outcome, however often somebody looks and however the base rate
moves: P(the stakes ever grow 1/alpha-fold) <= alpha (Ville). If bad events are q times as frequent in the canary, the
arm is the canary with probability q r / (q r + 1 - r), and a stake on q grows by the ratio of the two probabilities.

Sources: Waudby-Smith and Ramdas (betting), Lindon and Malek (counts), Shekhar and Ramdas (two samples).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log
from operator import mul

RATIOS = (1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0)
RESERVE = 0.1  # of the stakes, for single segments
PARTS = 20  # segments that may have stakes of their own
RICHEST = 1e300  # stakes grow no further: whatever they speak against is long decided


@dataclass
class Stakes:
    """Stakes on several alternatives; their mean is the `evidence`. Each outcome is told once.

    A reserve is set aside for segments, so that what goes wrong in one of them alone is found: the first one named gets
    a half of it, the next a sixth, a twelfth, and so on; what nobody has claimed lies still. A weighted mean of fair
    games is a fair game. `peak` is the largest evidence so far: the claim holds at every look, so a past peak counts.
    """

    whole: list[float]
    parts: dict[str, list[float]] = field(default_factory=dict)
    peak: float = 1.0
    reserve: float = RESERVE
    _won: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for segment, part in self.parts.items():
            self._won[segment] = _mean(part) - 1.0

    @property
    def evidence(self) -> float:
        """The stakes now, from 0 up; 1 at the start."""
        if not self.reserve:
            return _mean(self.whole)
        won: float = sum(map(mul, self._won.values(), WEIGHTS))
        return (1.0 - self.reserve) * _mean(self.whole) + self.reserve * (1.0 + won)

    def take(self, gains: Sequence[float], segment: str = "") -> None:
        """Multiply each stake by its gain."""
        self.whole = _grown(self.whole, gains)
        if segment and self.reserve and (segment in self.parts or len(self.parts) < PARTS):
            part = _grown(self.parts.get(segment) or [1.0] * len(gains), gains)
            self.parts[segment], self._won[segment] = part, _mean(part) - 1.0
        self.peak = max(self.peak, self.evidence)


WEIGHTS = tuple(1.0 / ((place + 1) * (place + 2)) for place in range(PARTS))  # of the reserve; less than 1 together


def _mean(stakes: Sequence[float]) -> float:
    return sum(stakes) / len(stakes)


def _grown(stakes: list[float], gains: Sequence[float]) -> list[float]:
    grown = list(map(mul, stakes, gains))
    return grown if sum(grown) < RICHEST else stakes


def log_chance(ratio: float, *, in_canary: bool, share: float) -> float:
    """Return log P(arm | bad event) for a rate ratio, less the share's own part, which cancels."""
    return (log(ratio) if in_canary else 0.0) - log(ratio * share + 1.0 - share)


@dataclass
class Bet:
    """Stakes on rate ratios against `null`, moved by bad events. With a tolerance `null`, all ratios are above it."""

    ratios: tuple[float, ...]
    null: float = 1.0
    stakes: Stakes = field(default_factory=lambda: Stakes([]))
    _gains: dict[tuple[bool, float], list[float]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.stakes.whole = self.stakes.whole or [1.0] * len(self.ratios)

    @classmethod
    def against(cls, null: float = 1.0) -> "Bet":
        """Return a bet that the rate in the canary is more than `null` times the live one."""
        return cls(tuple(null * ratio for ratio in RATIOS), null)

    def event(self, *, in_canary: bool, share: float, segment: str = "") -> float:
        """Take one bad event whose request went to the canary with probability `share`; return the evidence."""
        if 0.0 < share < 1.0:  # otherwise nothing was left to chance, so nothing can be learnt
            key = (in_canary, share)
            self.stakes.take(self._gains.get(key) or self._priced(key), segment)
        return self.stakes.evidence

    def _priced(self, key: tuple[bool, float]) -> list[float]:
        arm, share = key
        against = log_chance(self.null, in_canary=arm, share=share)
        self._gains[key] = [exp(log_chance(ratio, in_canary=arm, share=share) - against) for ratio in self.ratios]
        return self._gains[key]
