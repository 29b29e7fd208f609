"""Everything seen of one rollout, told request by request and label by label, in the order of arrival."""

from dataclasses import dataclass, field

from monitoring.stats.guards import AccuracyGuard, Guard, guard
from monitoring.stats.outcomes import Judged, Request
from monitoring.stats.rules import Rules
from monitoring.stats.split import Split
from monitoring.stats.units import Proof, Units


@dataclass
class Tally:
    """What was seen; `step_units` are the canary's in the present step, which began at `began_s`.

    At `filled_s` it had the units it needs, `wanted`: the latest moment at which one of the first so many was asked.

    While `warming`, as many canary requests are still dropped, and every live one that comes before the last of them.
    """

    guards: dict[str, Guard]
    split: Split = field(default_factory=Split)
    step: str = ""
    began_s: float = 0.0
    step_units: int = 0
    step_labels: int = 0
    step_values: int = 0
    warming: int = 0
    wanted: int = 0
    filled_s: float = 0.0

    def __post_init__(self) -> None:
        self.stakes = {name: each.stakes for name, each in self.guards.items()}

    @classmethod
    def begin(cls, rules: Rules, planned: frozenset[float] = frozenset()) -> "Tally":
        """Return an empty one; `planned` shares, or any."""
        quantile = rules.latency_quantile
        guards = {name: guard(name, rules.tolerance_of(name), quantile) for name in rules.guardrails}
        return cls(guards, Split(planned=planned), warming=rules.warmup)

    def enter(self, step: str, at_s: float, wanted: int = 0) -> None:
        """Begin a step that needs `wanted` units; doing it again changes nothing."""
        if step != self.step:
            self.step, self.began_s = step, at_s
            self.step_units = self.step_labels = self.step_values = 0
            self.wanted, self.filled_s = wanted, 0.0

    def request(self, request: Request, units: Units) -> dict[str, bool | None] | None:
        """Take one request. Return by guardrail whether it was bad, where that is known; None where it is dropped."""
        return self.outcome(request, units) if self.draw(request, units) else None

    def draw(self, request: Request, units: Units) -> bool:
        """Take that a request was drawn into its track, in the order of the draws; return whether it counts.

        The order matters: a run of one track alone is what a wrong split looks like.
        """
        is_first = units.is_new(request.unit, Proof.SEEN)
        if self.warming:
            self.warming -= request.in_canary
            return False
        self.split.take(in_canary=request.in_canary, share=request.share, is_first=is_first)
        if is_first and request.in_canary and request.step == self.step:
            self._fill(request.at_s)
        return True

    def outcome(self, request: Request, units: Units) -> dict[str, bool | None]:
        """Take what came of a request that counts, whenever it is known; return by guardrail whether it was bad."""
        self._count_value(request)
        return {name: each.see(request, units) for name, each in self.guards.items()}

    def _fill(self, at_s: float) -> None:
        self.step_units += 1
        if self.step_units <= self.wanted:
            self.filled_s = max(self.filled_s, at_s)

    def worth(self, valued: Request, units: Units) -> None:
        """Take what one request was worth, told after it; one that was not dropped."""
        if found := self.guards.get("value"):
            self._count_value(valued)
            found.see(valued, units)

    def _count_value(self, request: Request) -> None:
        self.step_values += request.value is not None and request.in_canary and request.step == self.step

    def label(self, judged: Judged, units: Units) -> None:
        """Take the first label of one prediction whose request was not dropped."""
        found = self.guards.get("accuracy")
        if isinstance(found, AccuracyGuard):
            self.step_labels += judged.in_canary and judged.step == self.step
            found.label(judged, units)
