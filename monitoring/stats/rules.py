"""The rules by which a canary is judged. Part of the plan that was signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

ASK, GO_ON, GO_BACK = "ask", "go on", "go back"
ON_HOLD, ON_FAIL = (ASK, GO_ON, GO_BACK), (GO_BACK, ASK)


@dataclass(frozen=True)
class Rules:
    """When a step may be left, and when the canary must go.

    `alpha` is the chance, over the whole rollout, of rolling back a canary that is as good; it is divided over the
    guardrails. `tolerance` is how many times the live rate, latency or value is still as good, for all guardrails or by
    name. `ratio_bound`: promote only where the evidence excludes a larger ratio; None asks for no such proof. An answer
    is slow above the live version's `latency_quantile`. The canary's first `warmup` requests, and the live ones of that
    time, are not judged.

    A hold that outlasts `max_s` asks a person, goes on or goes back, by `on_hold`; evidence against the canary sends it
    back or asks a person, by `on_fail`. Guardrails that are not `heard` (None hears all) go on counting, and neither
    stop a step nor end it: alpha is divided over all of them all the same.
    """

    guardrails: tuple[str, ...] = ("error", "accuracy")
    alpha: float = 0.05
    tolerance: float | Mapping[str, float] = 1.0
    min_units: int = 100
    min_labels: int = 50
    min_s: float = 600.0
    max_s: float = 86_400.0
    ratio_bound: float | None = 2.0
    latency_quantile: float = 0.95
    warmup: int = 0
    on_hold: str = ASK
    on_fail: str = GO_BACK
    heard: tuple[str, ...] | None = None

    @property
    def part(self) -> float:
        """Each guardrail's part of alpha."""
        return self.alpha / len(self.guardrails)

    @cached_property
    def limit(self) -> float:
        """The evidence at which a guardrail rolls back."""
        return 1.0 / self.part

    def hears(self, guardrail: str) -> bool:
        """Whether the guardrail has a say."""
        return self.heard is None or guardrail in self.heard

    def tolerance_of(self, guardrail: str) -> float:
        """Return how many times the live number is still as good."""
        if isinstance(self.tolerance, Mapping):
            return self.tolerance.get(guardrail, 1.0)
        return self.tolerance
