"""Which rate ratios bad events do not speak against: an interval that holds at every look."""

import math
from collections import Counter
from collections.abc import Iterable

from monitoring.stats.betting import log_chance

LOWER = (0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9)  # alternatives below a ratio, as parts of it
WIDEST = tuple(0.1 * 1.12**step for step in range(56))  # ratios from 0.1 to 51

Events = Counter[tuple[bool, float]]  # bad events by (in the canary, share)


def upper_ratio(events: Events, alpha: float) -> float:
    """Return the largest rate ratio that the events do not speak against, or infinity.

    Each ratio is tested by bets on smaller ones, and rejected where the stake reaches 1/alpha.
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
            count * (log_chance(ratio, in_canary=arm, share=share) - log_chance(null, in_canary=arm, share=share))
            for (arm, share), count in events.items()
            if 0.0 < share < 1.0
        )
        stakes.append(math.exp(min(700.0, math.fsum(gains))))
    return math.fsum(stakes) / len(stakes)
