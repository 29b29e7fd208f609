"""Judges a canary against the version it would replace: promote, hold, roll back or invalid, and why.

Pure: a tally of events goes in, a verdict comes out, whoever asks and how often. A live canary and its replay from a
log are judged by this file.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from monitoring.stats.betting import ODDS, Bet, Events, lower_ratio, upper_ratio
from monitoring.stats.summary import wilson

SPLIT_ALPHA = 0.001  # a split that is off stops everything, so it may be wrong once in a thousand rollouts
WORDS = {"error": ("errors", "failed"), "accuracy": ("wrong predictions", "were wrong")}


class Decision(StrEnum):
    """What the evidence says."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"
    INVALID = "invalid"


@dataclass(frozen=True)
class Rules:
    """When a step may be left, and when the canary must go. Part of the plan that was signed.

    `alpha` is the chance, over the whole rollout, of rolling back a canary that is as good; it is divided over the
    guardrails. `tolerance` is how many times the live rate is still as good. `ratio_bound`: promote only where the
    evidence excludes a larger ratio; None asks for no such proof.
    """

    guardrails: tuple[str, ...] = ("error", "accuracy")
    alpha: float = 0.05
    tolerance: float = 1.0
    min_units: int = 100
    min_labels: int = 50
    min_s: float = 600.0
    max_s: float = 86_400.0
    ratio_bound: float | None = 2.0

    @property
    def limit(self) -> float:
        """The evidence at which a guardrail rolls back."""
        return len(self.guardrails) / self.alpha


@dataclass
class Guard:
    """What one guardrail has seen, by arm: how many, how many bad; and the bet on them."""

    bet: Bet
    seen: Counter[bool] = field(default_factory=Counter)
    bad: Counter[bool] = field(default_factory=Counter)
    events: Events = field(default_factory=Counter)

    def take(self, *, in_canary: bool, share: float, is_bad: bool, may_bet: bool = True) -> None:
        """Count one outcome. One that may not bet (a unit's second) is counted and proves nothing."""
        self.seen[in_canary] += 1
        if not is_bad:
            return
        self.bad[in_canary] += 1
        if may_bet:
            self.events[in_canary, share] += 1
            self.bet.event(in_canary=in_canary, share=share)


@dataclass
class Tally:
    """Everything seen of one rollout; `step_units` are the canary's in the present step, which began at `began_s`."""

    guards: dict[str, Guard]
    split: Bet = field(default_factory=lambda: Bet(ratios=ODDS))
    step: str = ""
    began_s: float = 0.0
    step_units: int = 0
    step_labels: int = 0

    @classmethod
    def begin(cls, rules: Rules) -> "Tally":
        """Return an empty one."""
        return cls({name: Guard(Bet(null=rules.tolerance)) for name in rules.guardrails})

    def enter(self, step: str, at_s: float) -> None:
        """Begin a step; doing it again changes nothing."""
        if step != self.step:
            self.step, self.began_s, self.step_units, self.step_labels = step, at_s, 0, 0

    def request(
        self,
        *,
        in_canary: bool,
        share: float,
        failed: bool,
        is_first: bool = True,
        may_bet: bool = True,
        in_step: bool = True,
    ) -> None:
        """Take one request. `is_first` of its unit, or without one; `may_bet`: no earlier failure of its unit."""
        if is_first:
            self.split.event(in_canary=in_canary, share=share)
            self.step_units += in_canary and in_step
        if "error" in self.guards:
            self.guards["error"].take(in_canary=in_canary, share=share, is_bad=failed, may_bet=may_bet)

    def label(self, *, in_canary: bool, share: float, wrong: bool, may_bet: bool = True, in_step: bool = True) -> None:
        """Take the first label of one prediction; `share` is the one it was drawn with."""
        if "accuracy" in self.guards:
            self.step_labels += in_canary and in_step
            self.guards["accuracy"].take(in_canary=in_canary, share=share, is_bad=wrong, may_bet=may_bet)


@dataclass(frozen=True)
class Verdict:
    """What the evidence says, of which guardrail, in a sentence, with every number behind it."""

    decision: Decision
    sentence: str
    guardrail: str = ""
    guards: tuple[Mapping[str, Any], ...] = ()
    needs_person: bool = False


def judge(tally: Tally, rules: Rules, at_s: float) -> Verdict:
    """Return the verdict at `at_s`. A split that is off makes all else void; evidence against the canary comes next."""
    told = tuple(_told(name, guard, rules) for name, guard in tally.guards.items())
    if tally.split.peak >= 1 / SPLIT_ALPHA:
        said = f"Invalid: the split is not the one asked for (evidence {tally.split.peak:,.0f}, limit 1,000)."
        return Verdict(Decision.INVALID, f"{said} Nothing can be learnt from it.", "", told, needs_person=True)
    worst = max(tally.guards.items(), key=lambda item: item[1].bet.peak, default=None)
    if worst and worst[1].bet.peak >= rules.limit:
        return Verdict(Decision.ROLLBACK, _rolled(worst[0], worst[1], rules), worst[0], told)
    if missing := _missing(tally, rules, at_s):
        is_over = at_s - tally.began_s > rules.max_s
        said = f"Hold: {missing}." + (" The step's time is over: a person decides." if is_over else "")
        return Verdict(Decision.HOLD, said, "", told, needs_person=is_over)
    return Verdict(Decision.PROMOTE, _promoted(tally), "", told)


def _missing(tally: Tally, rules: Rules, at_s: float) -> str:
    """Return what the present step still lacks, or nothing."""
    if tally.step_units < rules.min_units:
        return f"{tally.step_units:,} of {rules.min_units:,} canary requests in this step"
    if "accuracy" in tally.guards and tally.step_labels < rules.min_labels:
        return f"{tally.step_labels:,} of {rules.min_labels:,} labelled canary predictions in this step"
    if (spent_s := at_s - tally.began_s) < rules.min_s:
        return f"{spent_s:,.0f} of {rules.min_s:,.0f} s in this step"
    for name, guard in tally.guards.items() if rules.ratio_bound is not None else ():
        upper = upper_ratio(guard.events, rules.alpha / len(rules.guardrails))
        if upper > rules.ratio_bound:  # type: ignore[operator]
            could = "any number of" if math.isinf(upper) else f"{upper:.2g}"
            return f"the rate of {WORDS[name][0]} could still be {could} times the live one, over {rules.ratio_bound:g}"
    return ""


def _told(name: str, guard: Guard, rules: Rules) -> dict[str, Any]:
    part = rules.alpha / len(rules.guardrails)
    return {
        "name": name,
        "canary": _rate(guard, in_canary=True),
        "live": _rate(guard, in_canary=False),
        "ratio": [lower_ratio(guard.events, part), _finite(upper_ratio(guard.events, part))],
        "evidence": round(guard.bet.evidence, 4),
        "peak": round(guard.bet.peak, 4),
        "limit": rules.limit,
        "state": "over its limit" if guard.bet.peak >= rules.limit else "inside" if guard.seen[True] else "no data",
    }


def _rate(guard: Guard, *, in_canary: bool) -> dict[str, Any]:
    bad, of = guard.bad[in_canary], guard.seen[in_canary]
    return {"bad": bad, "of": of, "rate": bad / of if of else None, "interval": wilson(bad, of)}


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else value


def _against(name: str, guard: Guard) -> str:
    bad, seen, verb = guard.bad, guard.seen, WORDS[name][1]
    what = "canary predictions" if name == "accuracy" else "canary requests"
    return (
        f"{bad[True]:,} of {seen[True]:,} {what} {verb}, against {bad[False]:,} of {seen[False]:,} of the live version"
    )


def _rolled(name: str, guard: Guard, rules: Rules) -> str:
    return f"Roll back: {_against(name, guard)} (evidence {guard.bet.peak:,.0f}, limit {rules.limit:,.0f})."


def _promoted(tally: Tally) -> str:
    told = "; ".join(_against(name, guard) for name, guard in tally.guards.items())
    return f"Promote: no guardrail speaks against it. {told[:1].upper()}{told[1:]}."


# A tally is kept as JSON between two looks


def to_document(tally: Tally) -> dict[str, Any]:
    """Return the tally as plain JSON."""
    return {
        "guards": {name: _guard_document(guard) for name, guard in tally.guards.items()},
        "split": _bet_document(tally.split),
        "step": tally.step,
        "began_s": tally.began_s,
        "step_units": tally.step_units,
        "step_labels": tally.step_labels,
    }


def of_document(said: Mapping[str, Any]) -> Tally:
    """Return the tally that `to_document` wrote."""
    guards = {name: _guard_of(guard) for name, guard in said["guards"].items()}
    return Tally(guards, _bet_of(said["split"]), said["step"], said["began_s"], said["step_units"], said["step_labels"])


def _guard_document(guard: Guard) -> dict[str, Any]:
    return {
        "bet": _bet_document(guard.bet),
        "seen": [guard.seen[False], guard.seen[True]],
        "bad": [guard.bad[False], guard.bad[True]],
        "events": [[int(arm), share, count] for (arm, share), count in guard.events.items()],
    }


def _guard_of(said: Mapping[str, Any]) -> Guard:
    seen, bad = (Counter({False: pair[0], True: pair[1]}) for pair in (said["seen"], said["bad"]))
    events: Events = Counter({(bool(arm), share): count for arm, share, count in said["events"]})
    return Guard(_bet_of(said["bet"]), seen, bad, events)


def _bet_document(bet: Bet) -> dict[str, Any]:
    return {"ratios": list(bet.ratios), "null": bet.null, "logs": bet.logs, "peak": bet.peak}


def _bet_of(said: Mapping[str, Any]) -> Bet:
    return Bet(tuple(said["ratios"]), said["null"], list(said["logs"]), said["peak"])
