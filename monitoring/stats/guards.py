"""Guardrails: what each counts, and the bet it makes. Of two numbers the first is the live version's."""

from collections import Counter
from dataclasses import dataclass, field
from math import isinf, sqrt
from typing import Any

from monitoring.stats.betting import Bet, Stakes
from monitoring.stats.intervals import Events, lower_ratio, upper_ratio
from monitoring.stats.outcomes import Judged, Request
from monitoring.stats.quantile import RunningQuantile
from monitoring.stats.summary import wilson
from monitoring.stats.units import Proof, Units

WORDS = {  # what is bad, who does it, what it does
    "error": ("errors", "requests", "failed"),
    "accuracy": ("wrong predictions", "predictions", "were wrong"),
    "latency": ("slow answers", "answers", "were slow"),
    "value": ("less value", "requests", "were worth less"),
}
STEPS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)  # how much of a stake is put on one value
CLIP = 3.0  # standard deviations
ENOUGH = 30  # values of the live version, before one is judged


def _pair() -> list[int]:
    return [0, 0]


@dataclass
class RateGuard:
    """Bad outcomes among all. A unit's second bad outcome is counted and proves nothing."""

    name: str
    bet: Bet
    seen: list[int] = field(default_factory=_pair)
    bad: list[int] = field(default_factory=_pair)
    events: Events = field(default_factory=Counter)

    def count(self, of: Request | Judged, proof: Proof, units: Units, *, is_bad: bool) -> None:
        """Count one outcome."""
        self.seen[of.in_canary] += 1
        if not is_bad:
            return
        self.bad[of.in_canary] += 1
        if units.is_new(of.unit, proof):
            self.events[of.in_canary, of.share] += 1
            self.bet.event(in_canary=of.in_canary, share=of.share, segment=of.segment)

    @property
    def stakes(self) -> Stakes:
        """What the bet stands at."""
        return self.bet.stakes

    def upper(self, alpha: float) -> float:
        """Return the largest rate ratio that is not excluded."""
        return upper_ratio(self.events, alpha)

    def told(self, alpha: float) -> dict[str, Any]:
        """Return both rates, and which ratios are not excluded; None for any."""
        upper = self.upper(alpha)
        return {
            "canary": self._rate(in_canary=True),
            "live": self._rate(in_canary=False),
            "ratio": [lower_ratio(self.events, alpha), None if isinf(upper) else upper],
        }

    def _rate(self, *, in_canary: bool) -> dict[str, Any]:
        bad, of = self.bad[in_canary], self.seen[in_canary]
        return {"bad": bad, "of": of, "rate": bad / of if of else None, "interval": wilson(bad, of)}

    @property
    def words(self) -> str:
        """Both arms in words."""
        _, what, did = WORDS[self.name]
        live, canary = (f"{bad:,} of {seen:,}" for bad, seen in zip(self.bad, self.seen, strict=True))
        return f"{canary} canary {what} {did}, against {live} of the live version"


class FailureGuard(RateGuard):
    """Failed requests."""

    def see(self, request: Request, units: Units) -> bool:
        """Count one request; return whether it was bad."""
        self.count(request, Proof.FAILED, units, is_bad=request.failed)
        return request.failed


class AccuracyGuard(RateGuard):
    """Wrong predictions. Requests say nothing of them, labels do."""

    def see(self, request: Request, units: Units) -> None:
        """Nothing is known yet."""

    def label(self, judged: Judged, units: Units) -> None:
        """Count one labelled prediction."""
        self.count(judged, Proof.WRONG, units, is_bad=judged.wrong)


@dataclass
class SlowGuard(RateGuard):
    """Answers slower than the live version's running quantile. The canary may take `tolerance` times as long."""

    running: RunningQuantile = field(default_factory=RunningQuantile)
    tolerance: float = 1.0

    def see(self, request: Request, units: Units) -> bool | None:
        """Count one answer; return whether it was slow, or None where nobody can say."""
        if request.latency_ms is None:
            return None
        threshold = self.running.threshold
        if not request.in_canary:
            self.running.see(request.latency_ms)
        if threshold is None:
            return None
        is_slow = request.latency_ms > threshold * (self.tolerance if request.in_canary else 1.0)
        self.count(request, Proof.SLOW, units, is_bad=is_slow)
        return is_slow


@dataclass
class ValueGuard:
    """Values, of which more is better. The bet is on the mean of (mean - value) / deviation, cut off at 3 deviations.

    Mean and deviation are the live version's so far. With a tolerance of 1.1 the canary's may be a tenth of it lower.
    Only a unit's first value proves anything.
    """

    name: str
    tolerance: float = 1.0
    stakes: Stakes = field(default_factory=lambda: Stakes([1.0] * len(STEPS)))
    seen: list[int] = field(default_factory=_pair)
    means: list[float] = field(default_factory=lambda: [0.0, 0.0])
    squares: list[float] = field(default_factory=lambda: [0.0, 0.0])  # of the distances from the mean

    def see(self, request: Request, units: Units) -> None:
        """Count one value, where there is one."""
        value, arm, share = request.value, request.in_canary, request.share
        if value is None:
            return
        may_bet = units.is_new(request.unit, Proof.VALUED) and 0.0 < share < 1.0
        if may_bet and self.seen[False] >= ENOUGH and self.squares[False] > 0.0:
            worse = self._worse(value, in_canary=arm) * (arm - share)
            self.stakes.take([1.0 + step * worse for step in STEPS], request.segment)
        self.seen[arm] += 1
        before = value - self.means[arm]
        self.means[arm] += before / self.seen[arm]
        self.squares[arm] += before * (value - self.means[arm])

    def _worse(self, value: float, *, in_canary: bool) -> float:
        """Return how much worse than usual a value is, from -1 to 1."""
        mean = self.means[False]
        spread = CLIP * sqrt(self.squares[False] / self.seen[False])
        if in_canary:
            value += (self.tolerance - 1.0) * abs(mean)
        return max(-1.0, min(1.0, (mean - value) / spread))

    def told(self, _alpha: float) -> dict[str, Any]:
        """Return both means."""
        return {"canary": self._mean(in_canary=True), "live": self._mean(in_canary=False)}

    def _mean(self, *, in_canary: bool) -> dict[str, Any]:
        of = self.seen[in_canary]
        deviation = sqrt(self.squares[in_canary] / of) if of else None
        return {"mean": self.means[in_canary] if of else None, "deviation": deviation, "of": of}

    @property
    def words(self) -> str:
        """Both arms in words."""
        live, canary = (f"{mean:.4g} over {seen:,}" for mean, seen in zip(self.means, self.seen, strict=True))
        return f"canary requests are worth {canary}, against {live} of the live version"


RATES: dict[str, type[FailureGuard | AccuracyGuard]] = {"error": FailureGuard, "accuracy": AccuracyGuard}
Guard = FailureGuard | AccuracyGuard | SlowGuard | ValueGuard


def guard(name: str, tolerance: float, part: float) -> Guard:
    """Return an empty guardrail; `part` is the quantile above which an answer is slow."""
    if name == "value":
        return ValueGuard(name, tolerance)
    if name == "latency":
        return SlowGuard(name, Bet.against(), running=RunningQuantile(part), tolerance=tolerance)
    return RATES[name](name, Bet.against(tolerance))
