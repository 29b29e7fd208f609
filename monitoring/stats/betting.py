"""Assignment betting asks whether bad events are spread over the two arms as requests are.

If the versions behave alike, an event's request was in the canary with the known share r, whatever the event. A bet on
the arm then gains nothing on average, at every event, however often somebody looks and however the base rate moves:
P(the stake ever grows 1/alpha-fold) <= alpha (Ville). If bad events are q times as frequent in the canary, the arm is
the canary with probability q r / (q r + 1 - r), and the stake grows by the ratio of the two probabilities.

Sources: Waudby-Smith and Ramdas (betting), Lindon and Malek (counts), Shekhar and Ramdas (two samples).
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

RATIOS = (1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0)
ODDS = (0.5, 0.67, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0)  # a split that is off, either way
LOWER = (0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9)  # alternatives below a ratio, as parts of it
WIDEST = tuple(0.1 * 1.12**step for step in range(56))  # ratios from 0.1 to 51


@dataclass
class Bet:
    """Stakes on every ratio of `ratios`, all against `null`; `evidence` is their mean. Each event is told once.

    `peak` is the largest evidence so far: the claim holds at every look, so a past peak counts.
    """

    ratios: tuple[float, ...] = RATIOS
    null: float = 1.0
    logs: list[float] = field(default_factory=list)
    peak: float = 1.0

    def __post_init__(self) -> None:
        self.ratios = tuple(ratio for ratio in self.ratios if ratio != self.null)
        self.logs = self.logs or [0.0] * len(self.ratios)

    @property
    def evidence(self) -> float:
        """The stake now, from 0 up; 1 at the start."""
        return math.fsum(map(math.exp, self.logs)) / len(self.logs)

    def event(self, *, in_canary: bool, share: float) -> float:
        """Take one event whose request went to the canary with probability `share`; return the evidence."""
        if not 0.0 < share < 1.0:
            return self.evidence  # nothing was left to chance, so nothing can be learnt
        against = _log_chance(self.null, in_canary=in_canary, share=share)
        for place, ratio in enumerate(self.ratios):
            self.logs[place] += _log_chance(ratio, in_canary=in_canary, share=share) - against
        now = self.evidence
        self.peak = max(self.peak, now)
        return now


def _log_chance(ratio: float, *, in_canary: bool, share: float) -> float:
    """Return log P(arm | event) for a rate ratio, less the share's own part, which cancels."""
    return (math.log(ratio) if in_canary else 0.0) - math.log(ratio * share + 1.0 - share)


Events = Counter[tuple[bool, float]]  # bad events by (in the canary, share)


def upper_ratio(events: Events, alpha: float) -> float:
    """Return the largest rate ratio that the events do not speak against, or infinity.

    Anytime-valid: each ratio is tested by bets on smaller ones, and rejected where the stake reaches 1/alpha.
    """
    kept = [ratio for ratio in WIDEST if _against(events, ratio, [ratio * part for part in LOWER]) < 1.0 / alpha]
    return math.inf if not kept or kept[-1] == WIDEST[-1] else kept[-1]


def lower_ratio(events: Events, alpha: float) -> float:
    """Return the smallest rate ratio that the events do not speak against, or 0."""
    kept = [ratio for ratio in WIDEST if _against(events, ratio, [ratio / part for part in LOWER]) < 1.0 / alpha]
    return 0.0 if not kept or kept[0] == WIDEST[0] else kept[0]


def _against(events: Events, null: float, alternatives: Iterable[float]) -> float:
    stakes = []
    for ratio in alternatives:
        gains = (
            count * (_log_chance(ratio, in_canary=arm, share=share) - _log_chance(null, in_canary=arm, share=share))
            for (arm, share), count in events.items()
            if 0.0 < share < 1.0
        )
        stakes.append(math.exp(min(700.0, math.fsum(gains))))
    return math.fsum(stakes) / len(stakes)
