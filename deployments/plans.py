"""What a rollout's plan says. Its document is part of what a reviewer signs, so nothing in it is left to a default."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.refusals import Invalid
from deployments.plan import Spec, Strategy, steps_of
from monitoring.stats.rules import Rules
from monitoring.verdicts import rules_of

BAKE_MAX_S = 7 * 24 * 3600.0
SHARES = (5, 25)  # then 100
STEPS_MAX = 20
GUARDED = {"error": "failed requests", "accuracy": "wrong predictions", "latency": "slow answers"}


@dataclass(frozen=True)
class Plan:
    """How a rollout goes: `shares` (percent, rising, under 100) and `rules` are a canary's."""

    strategy: Strategy
    bake_s: float = 0.0
    shares: tuple[int, ...] = ()
    rules: Rules = field(default_factory=Rules)

    @property
    def document(self) -> dict[str, object]:
        """The plan as plain JSON."""
        said: dict[str, object] = {"strategy": str(self.strategy), "bake_s": self.bake_s}
        if self.strategy is Strategy.CANARY:
            said |= {"shares": list(self.shares), "rules": _document(self.rules)}
        return said

    @property
    def steps(self) -> list[Spec]:
        """The steps of the rollout, in order."""
        return steps_of(self.strategy, bake_s=self.bake_s, shares=self.shares, max_s=self.rules.max_s)

    @property
    def words(self) -> str:
        """The plan in sentences, for the person who signs it."""
        if self.strategy is Strategy.ALL_AT_ONCE:
            return "All requests go over at once."
        if self.strategy is Strategy.BLUE_GREEN:
            return f"All requests go over at once; the old version stands by for {self.bake_s:g} s."
        shares = " → ".join(f"{share} %" for share in (*self.shares, 100))
        rules = self.rules
        proof = f" and a ratio over {rules.ratio_bound:g} excluded" if rules.ratio_bound else ""
        guarded = " and ".join(GUARDED[name] for name in rules.guardrails)
        return (
            f"Requests go over as {shares}. Each share lasts at least {rules.min_s:g} s, {rules.min_units:,} canary "
            f"requests and {rules.min_labels:,} labels{proof}; after {rules.max_s:g} s a person decides. "
            f"Evidence sends it back by itself ({guarded}; a version as good, in {100 * rules.alpha:g} of 100 rollouts "
            "at most)."
        )

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Plan":
        """Return the plan `said` says; raise Invalid where it is none."""
        try:
            strategy, bake_s = Strategy(str(said["strategy"])), float(said.get("bake_s", 0))
        except (KeyError, ValueError, TypeError) as why:
            raise Invalid(f"The strategy is one of {', '.join(Strategy)}.", field="strategy") from why
        if not 0 <= bake_s <= BAKE_MAX_S:
            raise Invalid("The bake time is from 0 seconds to 7 days.", field="bake_s")
        if strategy is not Strategy.CANARY:
            return cls(strategy, bake_s)
        rules = said.get("rules") or {}
        if not isinstance(rules, Mapping):
            raise Invalid("The rules are a mapping of names to numbers.", field="rules")
        return cls(strategy, 0.0, _shares(said.get("shares", SHARES)), rules_of(rules))


def _document(rules: Rules) -> dict[str, Any]:
    """Return the rules as plain JSON. It is silent on what has no part in them, as plans signed earlier are."""
    said = {**asdict(rules), "guardrails": list(rules.guardrails)}
    unused = {"latency_quantile": "latency" not in rules.guardrails, "warmup": not rules.warmup}
    return {name: value for name, value in said.items() if not unused.get(name)}


def _shares(said: Any) -> tuple[int, ...]:
    """Return the shares in percent; each larger than the one before, none of them everything."""
    if not isinstance(said, list | tuple) or not 0 < len(said) <= STEPS_MAX:
        raise Invalid(f"A canary has 1 to {STEPS_MAX} shares before 100 %.", field="shares")
    if not all(isinstance(share, int) and not isinstance(share, bool) and 1 <= share <= 99 for share in said):  # noqa: PLR2004
        raise Invalid("Shares are whole percents from 1 to 99; 100 follows by itself.", field="shares")
    if sorted(set(said)) != list(said):
        raise Invalid("Each share is larger than the one before.", field="shares")
    return tuple(said)
