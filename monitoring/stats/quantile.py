"""A quantile of what came last, found anew now and then: the threshold above which an answer is slow."""

from collections import deque
from dataclasses import dataclass, field

from monitoring.stats.summary import quantile

WINDOW = 5_000
FIRST = 100  # values, before there is a threshold at all
EVERY = 500


@dataclass
class RunningQuantile:
    """The `part` quantile of the last 5,000 values, as it was when it was last found: after 100, then after each 500.

    `threshold` rests on the past alone, so a value is judged before it is seen.
    """

    part: float = 0.95
    last: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    seen: int = 0
    threshold: float | None = None

    def see(self, value: float) -> None:
        """Take one more value."""
        self.last.append(value)
        self.seen += 1
        if self.seen == FIRST or self.seen % EVERY == 0:
            self.threshold = quantile(sorted(self.last), self.part)
