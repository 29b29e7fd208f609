"""When a distance that is seen window after window is more than chance: the tolerant e-CUSUM.

A window's p-value bounds how likely it would be if the truth had moved no further than the tolerance. It becomes an
e-value, whose mean is then 1 at most; their running product, begun anew whenever it is under 1, reaches F T / alpha by
chance alpha times in T windows of F signals at most (Shin, Ramdas and Rinaldo: e-detectors).
"""

from dataclasses import dataclass
from math import log, sqrt

ALPHA = 0.05  # false alarms a model in WINDOWS windows
WINDOWS = 30
LEAST = 0.02  # what nobody needs to hear of
POWER = 0.8  # e = 0.2 p^-0.8
LOG2 = log(2.0)


def tolerance(size: float, signals: int, log_sides: float = LOG2) -> float:
    """Return how far a window may be from a reference of `size` values: what is nothing, or the reference's own error.

    `log_sides` is the logarithm of how many events the distance is the largest difference of.
    """
    return max(LEAST, sqrt((log_sides + log(signals / ALPHA)) / (2 * size)))


@dataclass
class Watch:
    """Evidence over windows of one signal of `signals`. An alarm is told once, until a window is as it should be."""

    signals: int
    log_evidence: float = 0.0
    is_told: bool = False

    def look(self, log_p: float) -> bool:
        """Take one window; return whether this is where it becomes an alarm."""
        if log_p >= 0.0:
            self.is_told = False
        self.log_evidence = max(self.log_evidence, 0.0) + log(1.0 - POWER) - POWER * log_p
        if self.log_evidence < log(self.signals * WINDOWS / ALPHA):
            return False
        was_told, self.is_told, self.log_evidence = self.is_told, True, 0.0
        return not was_told
