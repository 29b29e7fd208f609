"""Judges a canary against the version it would replace: promote, hold, roll back or invalid, and why.

Pure: a tally of events goes in, a verdict comes out, whoever asks and how often. A live canary and its replay from a
log are judged by this file.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from monitoring.stats.guards import WORDS, Guard, RateGuard
from monitoring.stats.rules import ASK, GO_BACK, GO_ON, Rules
from monitoring.stats.summary import evidence, lasting
from monitoring.stats.tally import Tally

LATE_S = 30.0  # evidence that is missing for longer is late


class Decision(StrEnum):
    """What the evidence says."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"
    INVALID = "invalid"


@dataclass(frozen=True)
class Verdict:
    """What the evidence says, of which guardrail, in a sentence, with every number behind it.

    `units` are the canary's in the present step; `lacks` is what it still lacks.
    """

    decision: Decision
    sentence: str
    guardrail: str = ""
    guards: tuple[Mapping[str, Any], ...] = ()
    needs_person: bool = False
    units: int = 0
    lacks: str = ""


@dataclass(frozen=True)
class Times:
    """Seconds since 1970: when it is judged, and up to when all evidence is here."""

    at_s: float
    known_s: float

    @property
    def late(self) -> str:
        """Since when evidence is missing, in words, where that is longer ago than usual."""
        if self.at_s - self.known_s <= LATE_S:
            return ""
        return f"evidence is late since {datetime.fromtimestamp(self.known_s, UTC):%H:%M:%S} UTC"


def alarm(tally: Tally, rules: Rules) -> tuple[Decision, str] | None:
    """Return invalid or roll back, and the guardrail that says so, or None. A split that is off makes all else void."""
    if tally.split.is_off:
        return Decision.INVALID, ""
    for name, stakes in tally.stakes.items():
        if stakes.peak >= rules.limit and rules.hears(name) and not tally.split.is_doubtful:
            return Decision.ROLLBACK, max(filter(rules.hears, tally.stakes), key=lambda name: tally.stakes[name].peak)
    return None


def judge(tally: Tally, rules: Rules, at_s: float, known_s: float | None = None) -> Verdict:
    """Return the verdict at `at_s`: an alarm, or what the present step still lacks, or nothing against it.

    An alarm rests on what is here. For nothing to be against it, all evidence must be here up to a moment (`known_s`,
    or `at_s` where nobody says so) at which the step had all it needs.
    """
    return replace(
        _judged(tally, rules, Times(at_s, at_s if known_s is None else min(known_s, at_s))),
        guards=tuple(_told(guard, rules) for guard in tally.guards.values()),
        units=tally.step_units,
    )


def _judged(tally: Tally, rules: Rules, times: Times) -> Verdict:
    if found := alarm(tally, rules):
        decision, name = found
        if decision is Decision.INVALID:
            return Verdict(decision, _void(tally), needs_person=True)
        is_asked = rules.on_fail == ASK
        said = _rolled(tally.guards[name], rules) + (" The plan leaves it to a person." if is_asked else "")
        return Verdict(decision, said, name, needs_person=is_asked)
    if missing := _missing(tally, rules, times):
        return replace(_held(tally, rules, missing, times), lacks=missing)
    return Verdict(Decision.PROMOTE, f"Promote: {nothing_against(tally)}")


def _held(tally: Tally, rules: Rules, missing: str, times: Times) -> Verdict:
    """Return what comes of what is missing: while there is time a hold, then what the rules say of it.

    Evidence that waits for evidence on the split, or that is not here yet, is nothing to go on with.
    """
    over_s = tally.began_s + rules.max_s
    if times.at_s <= over_s:
        return Verdict(Decision.HOLD, f"Hold: {missing}.")
    if rules.on_hold == GO_BACK:
        return Verdict(Decision.ROLLBACK, f"Roll back: the step's time is over, and still {missing}.")
    if rules.on_hold == GO_ON and not in_doubt(tally, rules):
        if times.late or times.known_s <= over_s:
            return Verdict(
                Decision.HOLD, f"Hold: {missing}. The step's time is over; the plan goes on once all is here."
            )
        return Verdict(Decision.PROMOTE, f"Promote: the step's time is over, as planned. Still {missing}.")
    return Verdict(Decision.HOLD, f"Hold: {missing}. The step's time is over: a person decides.", needs_person=True)


def in_doubt(tally: Tally, rules: Rules) -> str:
    """Return that evidence against the canary waits for evidence on the split, or nothing."""
    over = [name for name, stakes in tally.stakes.items() if stakes.peak >= rules.limit and rules.hears(name)]
    return f"{over[0]} speaks against it, but the split may not be the one asked for" if over else ""


def _missing(tally: Tally, rules: Rules, times: Times) -> str:
    """Return what the present step still lacks, or nothing."""
    lacks = (in_doubt(tally, rules), times.late, _too_few(tally, rules), _too_early(tally, rules, times))
    unproved = (_unproved(guard, rules) for guard in tally.guards.values())
    return next(filter(None, (*lacks, *unproved)), "")


def _too_few(tally: Tally, rules: Rules) -> str:
    """Return of what there is too little in the present step, or nothing."""
    if tally.step_units < rules.min_units:
        return f"{tally.step_units:,} of {rules.min_units:,} canary requests in this step"
    if "accuracy" in tally.guards and rules.hears("accuracy") and tally.step_labels < rules.min_labels:
        return f"{tally.step_labels:,} of {rules.min_labels:,} labelled canary predictions in this step"
    if "value" in tally.guards and rules.hears("value") and tally.step_values < rules.min_labels:
        return f"{tally.step_values:,} of {rules.min_labels:,} canary requests whose value is known in this step"
    return ""


def _too_early(tally: Tally, rules: Rules, times: Times) -> str:
    """Return that all evidence is not here up to a moment that is late enough, or nothing."""
    if (spent_s := max(0.0, times.known_s - tally.began_s)) < rules.min_s:
        return f"{lasting(round(spent_s))} of {lasting(rules.min_s)} in this step"
    if times.known_s < tally.filled_s:
        return f"what was asked beside the first {rules.min_units:,} canary requests is not all here yet"
    return ""


def _unproved(guard: Guard, rules: Rules) -> str:
    """Return which ratio is not excluded though the rules ask for it, or nothing."""
    if rules.ratio_bound is None or not isinstance(guard, RateGuard) or not rules.hears(guard.name):
        return ""
    if (upper := guard.upper(rules.part)) <= rules.ratio_bound:
        return ""
    could = "any number of" if math.isinf(upper) else f"{upper:.2g}"
    return f"the rate of {WORDS[guard.name][0]} could still be {could} times the live one, over {rules.ratio_bound:g}"


def _told(guard: Guard, rules: Rules) -> dict[str, Any]:
    peak = guard.stakes.peak
    state = "over its limit" if peak >= rules.limit else "inside" if guard.seen[True] else "no data"
    return {
        "name": guard.name,
        **guard.told(rules.part),
        "evidence": round(guard.stakes.evidence, 4),
        "peak": round(peak, 4),
        "limit": rules.limit,
        "state": state if rules.hears(guard.name) else "not heard",
    }


def _void(tally: Tally) -> str:
    return f"Invalid: {tally.split.why}. Nothing can be learnt from it."


def _rolled(guard: Guard, rules: Rules) -> str:
    return f"Roll back: {guard.words} (evidence {evidence(guard.stakes.peak)}, limit {rules.limit:,.0f})."


def told_apart(tally: Tally, rules: Rules) -> str:
    """Return in which direction the canary differs, by guardrail, where the evidence shows it."""
    told = [_apart(guard, rules) for guard in tally.guards.values() if isinstance(guard, RateGuard)]
    return f"{' '.join(told)}"


def _apart(guard: RateGuard, rules: Rules) -> str:
    low, high = guard.told(rules.part)["ratio"]
    what = WORDS[guard.name][0]
    shown = "Fewer" if high is not None and high < 1 else "More" if low > 1 else "No difference is shown in"
    span = f"{low:.2g} to {'any' if high is None else format(high, '.2g')} times the live rate"
    return f"{shown} {what} ({span}): {guard.words}."


def nothing_against(tally: Tally) -> str:
    """Return what was seen where no guardrail speaks against the canary."""
    told = "; ".join(guard.words for guard in tally.guards.values())
    return f"no guardrail speaks against it. {told[:1].upper()}{told[1:]}."
