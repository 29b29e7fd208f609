"""What a rollout's plan says. Its document is part of what a reviewer signs, so nothing in it is left to a default."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.refusals import Invalid
from deployments import plan_words
from deployments.plan import Mirror, Spec, Stay, Strategy, steps_of
from deployments.shares import Share, even, percent, shares_of
from monitoring.stats.agreement import CopyRules
from monitoring.stats.rules import ASK, GO_BACK, GO_ON, Rules
from monitoring.stats.summary import lasting
from monitoring.verdicts import copy_rules_of, rules_of

BAKE_MAX_S = 7 * 24 * 3600.0
EVERY_S, EVERY_MIN_S, EVERY_MAX_S = 600.0, 1.0, 30 * 86_400.0
AB_PCT, AB_S, UNITS_MAX = 50, 86_400.0, 10_000_000
SHARES = (5, 10, 25, 50)  # then 100
STEP_PCT, STEP_MIN_PCT, STEP_MAX_PCT = 10, 5, 50
IN_EVERY_PLAN = frozenset({"guardrails", "alpha", "tolerance", "latency_quantile", "warmup", "on_fail"})


@dataclass(frozen=True)
class Plan:
    """How a rollout goes: `shares` (percent, rising, under 100) and `rules` are a canary's.

    Of a linear one the shares are whole steps of `step_pct`, each for `every_s` seconds. An A/B test is one share until
    `every_s` is over or, where `units` is not 0, so many canary requests came; then a person chooses. A shadow gets
    copies of `copies_pct` of the requests, held to `copy_rules`.
    """

    strategy: Strategy
    bake_s: float = 0.0
    shares: tuple[Share, ...] = ()
    rules: Rules = field(default_factory=Rules)
    every_s: float = 0.0
    units: int = 0
    copies_pct: int = 0
    copy_rules: CopyRules = field(default_factory=CopyRules)

    @property
    def document(self) -> dict[str, object]:
        """The plan as plain JSON."""
        said: dict[str, object] = {"strategy": str(self.strategy), "bake_s": self.bake_s}
        if self.strategy is Strategy.CANARY:
            said |= {"shares": [share.document for share in self.shares], "rules": _document(self.rules)}
        judged = {name: value for name, value in _document(self.rules).items() if name in IN_EVERY_PLAN}
        if self.strategy is Strategy.LINEAR:
            said |= {"step_pct": self.shares[0].pct, "every_s": self.every_s, "rules": judged}
        if self.strategy is Strategy.AB:
            units = {"units": self.units} if self.units else {}
            said |= {"shares": [self.shares[0].pct], "for_s": self.every_s, **units, "rules": judged}
        if self.strategy is Strategy.SHADOW:
            said |= {"copies_pct": self.copies_pct, "rules": asdict(self.copy_rules)}
        return said

    @property
    def steps(self) -> list[Spec]:
        """The steps of the rollout, in order."""
        stays = [Stay(share.pct, self.rules_at(share.pct).max_s, gate=share.gate) for share in self.shares]
        mirror = Mirror(self.copies_pct, self.copy_rules.max_s) if self.copies_pct else None
        return steps_of(self.strategy, bake_s=self.bake_s, stays=stays, mirror=mirror)

    def rules_at(self, share_pct: int) -> Rules:
        """Return the rules by which the rollout is judged at a share; the plan's own where it has no such share."""
        found = next((share for share in self.shares if share.pct == share_pct), Share(share_pct))
        if self.every_s:
            alone = replace(self.rules, min_units=self.units, min_labels=0, ratio_bound=None, on_hold=GO_ON)
            return replace(alone, min_s=0.0 if self.units else self.every_s, max_s=self.every_s)
        return found.rules(self.rules)

    @property
    def words(self) -> str:
        """The plan in sentences, for the person who signs it."""
        if self.strategy is Strategy.CANARY:
            return plan_words.canary(self.shares, self.rules)
        if self.strategy is Strategy.LINEAR:
            return plan_words.linear(self.shares, self.rules, self.every_s)
        if self.strategy is Strategy.AB:
            return plan_words.ab(self.shares[0].pct, self.rules, self.every_s, self.units)
        if self.strategy is Strategy.SHADOW:
            return plan_words.shadow(self.copies_pct, self.copy_rules)
        if self.strategy is Strategy.BLUE_GREEN:
            return f"All requests go over at once; the old version stands by for {lasting(self.bake_s)}."
        return "All requests go over at once."

    @property
    def short(self) -> str:
        """The plan in a few words, such as `canary 5 → 25 → 100 %`."""
        shares = "".join(f" {share.pct} →" for share in self.shares)
        return f"{self.strategy}{shares} 100 %" if shares else str(self.strategy)

    @classmethod
    def asked(cls, said: Mapping[str, Any]) -> "Plan":
        """Return the plan that somebody asks for; raise Invalid where it is none, or says what has no part in it."""
        plan = cls.of(said)
        known = {"strategy", *PARTS[plan.strategy]} | ({"bake_s"} if said.get("bake_s") == 0 else set())  # as documents
        if unknown := sorted(said.keys() - known):
            parts = ", ".join(PARTS[plan.strategy]) or "nothing but the strategy"
            raise Invalid(f"{unknown[0][:40]} is no part of a plan of {plan.strategy}; it has {parts}.", field="plan")
        return plan

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Plan":
        """Return the plan `said` says; raise Invalid where it is none."""
        try:
            strategy = Strategy(str(said["strategy"]))
        except (KeyError, ValueError) as why:
            raise Invalid(f"The strategy is one of {', '.join(Strategy)}.", field="strategy") from why
        bake_s = _seconds(said, "bake_s", 0.0, 0.0, BAKE_MAX_S)
        rules = said.get("rules") or {}
        if not isinstance(rules, Mapping):
            raise Invalid("The rules are a mapping of names to numbers.", field="rules")
        if strategy is Strategy.CANARY:
            found = rules_of(rules)
            return cls(strategy, 0.0, shares_of(said.get("shares", SHARES), found), found)
        if strategy is Strategy.SHADOW:
            copies_pct = percent(said.get("copies_pct", 100), "copies_pct", 1, 100)
            return cls(strategy, copies_pct=copies_pct, copy_rules=copy_rules_of(rules))
        if strategy in BY_TIME:
            return BY_TIME[strategy](said, _by_time(rules, strategy))
        return cls(strategy, bake_s)


def _by_time(rules: Mapping[str, Any], strategy: Strategy) -> Rules:
    if unused := sorted(rules.keys() - IN_EVERY_PLAN):
        raise Invalid(f"{unused[0]} has no part in a plan of {strategy}, which goes by time.", field="rules")
    return rules_of(rules)


def _linear(said: Mapping[str, Any], rules: Rules) -> Plan:
    shares = even(percent(said.get("step_pct", STEP_PCT), "step_pct", STEP_MIN_PCT, STEP_MAX_PCT))
    return Plan(Strategy.LINEAR, 0.0, shares, rules, _seconds(said, "every_s", EVERY_S, EVERY_MIN_S, EVERY_MAX_S))


def _ab(said: Mapping[str, Any], rules: Rules) -> Plan:
    shares = said.get("shares", [AB_PCT])
    if not isinstance(shares, list | tuple) or len(shares) != 1:
        raise Invalid("An A/B test has one share.", field="shares")
    units = said.get("units", 0)
    if isinstance(units, bool) or not isinstance(units, int) or not 0 <= units <= UNITS_MAX:
        raise Invalid(f"units are a whole number up to {UNITS_MAX:,}; 0 for time alone.", field="units")
    for_s = _seconds(said, "for_s", AB_S, EVERY_MIN_S, EVERY_MAX_S)
    return Plan(Strategy.AB, 0.0, (Share(percent(shares[0], "shares"), gate=True),), rules, for_s, units)


PARTS = {
    Strategy.ALL_AT_ONCE: (),
    Strategy.BLUE_GREEN: ("bake_s",),
    Strategy.CANARY: ("shares", "rules"),
    Strategy.LINEAR: ("step_pct", "every_s", "rules"),
    Strategy.AB: ("shares", "for_s", "units", "rules"),
    Strategy.SHADOW: ("copies_pct", "rules"),
}
BY_TIME = {Strategy.LINEAR: _linear, Strategy.AB: _ab}


def _seconds(said: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    """Return a time of the plan; raise Invalid at its field where it is none."""
    try:
        found = float(said.get(name, default))
    except (TypeError, ValueError) as why:
        raise Invalid("This is a number of seconds.", field=name) from why
    if not least <= found <= most:
        raise Invalid(f"This is from {lasting(least)} to {lasting(most)}.", field=name)
    return found


def _document(rules: Rules) -> dict[str, Any]:
    """Return the rules as plain JSON. It is silent on what has no part in them, as plans signed earlier are."""
    said = {**asdict(rules), "guardrails": list(rules.guardrails)}
    unused = {
        "latency_quantile": "latency" not in rules.guardrails,
        "warmup": not rules.warmup,
        "on_hold": rules.on_hold == ASK,
        "on_fail": rules.on_fail == GO_BACK,
        "heard": True,
    }
    return {name: value for name, value in said.items() if not unused.get(name)}
