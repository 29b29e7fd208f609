"""The form of a plan: its fields, and the plan that they say."""

import re
from collections.abc import Callable, Mapping

from core.refusals import Invalid
from deployments.plan import Strategy
from deployments.plans import AB_PCT, AB_S, EVERY_S, SHARES, STEP_PCT, Plan
from monitoring.stats.agreement import CopyRules
from monitoring.stats.rules import ASK, GO_BACK, GO_ON, Rules
from monitoring.stats.summary import UNITS, lasting
from web.pages.forms import whole_number

STRATEGIES = [
    {"value": str(Strategy.ALL_AT_ONCE), "label": "All at once"},
    {"value": str(Strategy.BLUE_GREEN), "label": "Blue/green, with a bake time"},
    {"value": str(Strategy.LINEAR), "label": "Linear, by time"},
    {"value": str(Strategy.CANARY), "label": "Canary, on evidence"},
    {"value": str(Strategy.SHADOW), "label": "Shadow, on copies"},
    {"value": str(Strategy.AB), "label": "A/B, a person chooses"},
]
HOLDS = [
    {"value": ASK, "label": "a person decides"},
    {"value": GO_ON, "label": "it goes on where nothing speaks against it"},
    {"value": GO_BACK, "label": "it goes back"},
]
FAILS = [
    {"value": GO_BACK, "label": "it goes back at once"},
    {"value": ASK, "label": "it keeps its share until a person decides"},
]
SHOWN = 40  # characters of what somebody typed
EVERYWHERE = ("alpha", "tolerance")
NUMBERS = ("min_units", "min_labels", "min_s", "max_s", *EVERYWHERE)
COPY_NUMBERS = ("min_copies", "min_s", "max_s", "within")
RULES, COPIES = Rules(), CopyRules()
PARTS = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(s|min|h|d)")
SECONDS = {"s": 1, **dict(UNITS)}


def _shown(name: str, value: float) -> str:
    return lasting(value) if name.endswith("_s") else f"{value:g}"


EMPTY = {
    "strategy": str(Strategy.ALL_AT_ONCE),
    "bake_s": "0 s",
    "step_pct": str(STEP_PCT),
    "every_s": lasting(EVERY_S),
    "copies_pct": "100",
    **{f"copy_{name}": _shown(name, getattr(COPIES, name)) for name in COPY_NUMBERS},
    "copy_min_agreement": "",
    "share_pct": str(AB_PCT),
    "for_s": lasting(AB_S),
    "units": "0",
    "shares": ", ".join(map(str, SHARES)),
    "own": "",
    "guardrails": ", ".join(RULES.guardrails),
    "ratio_bound": f"{RULES.ratio_bound:g}",
    "on_hold": RULES.on_hold,
    "on_fail": RULES.on_fail,
    **{name: _shown(name, getattr(RULES, name)) for name in NUMBERS},
}


def plan_of(said: Mapping[str, str]) -> Plan:
    """Return the plan of the form's words; raise Invalid at the field that says none."""
    strategy = said["strategy"]
    if strategy in BY_STRATEGY:
        return BY_STRATEGY[strategy](said)
    is_baked = strategy == Strategy.BLUE_GREEN
    return Plan.of({"strategy": strategy, **({"bake_s": _time(said["bake_s"], "bake_s")} if is_baked else {})})


def _linear(said: Mapping[str, str]) -> Plan:
    step_pct = whole_number(said["step_pct"], "step_pct", 1, 99)
    every_s, rules = _time(said["every_s"], "every_s"), _rules(said, EVERYWHERE)
    return Plan.of({"strategy": "linear", "step_pct": step_pct, "every_s": every_s, "rules": rules})


def _ab(said: Mapping[str, str]) -> Plan:
    shares = [whole_number(said["share_pct"], "share_pct", 1, 99)]
    units = whole_number(said["units"], "units", 0, 10**9)
    rules = _rules(said, EVERYWHERE)
    for_s = _time(said["for_s"], "for_s")
    return Plan.of({"strategy": "a-b", "shares": shares, "for_s": for_s, "units": units, "rules": rules})


def _shadow(said: Mapping[str, str]) -> Plan:
    copies_pct = whole_number(said["copies_pct"], "copies_pct", 1, 100)
    rules: dict[str, object] = {name: _value(said[f"copy_{name}"], f"copy_{name}") for name in COPY_NUMBERS}
    if least := said["copy_min_agreement"]:
        rules["min_agreement"] = _number(least, "copy_min_agreement")
    try:
        return Plan.of({"strategy": "shadow", "copies_pct": copies_pct, "rules": rules})
    except Invalid as why:
        raise Invalid(str(why), field=f"copy_{why.field}") from why


def _canary(said: Mapping[str, str]) -> Plan:
    rules = _rules(said, NUMBERS) | {"on_hold": said["on_hold"]}
    rules["ratio_bound"] = _number(said["ratio_bound"], "ratio_bound") if said["ratio_bound"] else None
    shares = [_share(word.strip()) for word in said["shares"].split(",")]
    plan = Plan.of({"strategy": "canary", "shares": shares, "rules": rules})
    return _with_own(plan, said["own"]) if said["own"].strip() else plan


BY_STRATEGY: dict[str, Callable[[Mapping[str, str]], Plan]] = {
    Strategy.LINEAR: _linear, Strategy.AB: _ab, Strategy.SHADOW: _shadow, Strategy.CANARY: _canary,
}  # fmt: skip


def _rules(said: Mapping[str, str], numbers: tuple[str, ...]) -> dict[str, object]:
    return {
        **{name: _value(said[name], name) for name in numbers},
        "guardrails": _words(said["guardrails"]),
        "on_fail": said["on_fail"],
    }


def _with_own(plan: Plan, text: str) -> Plan:
    """Return the plan with what the lines of `text` say of single shares, such as `25: min_units 500, gate`."""
    lines = _lines(text)
    if strange := sorted(lines.keys() - {share.pct for share in plan.shares}):
        raise Invalid(f"{strange[0]} % is none of the shares.", field="own")
    try:
        said = [{"pct": share.pct, **lines.get(share.pct, {})} for share in plan.shares]
        return Plan.of({**plan.document, "shares": said})
    except Invalid as why:
        raise Invalid(str(why), field="own") from why


def _share(word: str) -> int:
    try:
        return whole_number(word.removesuffix("%").strip(), "shares", 1, 99)
    except Invalid as why:
        said = f"'{word[:SHOWN]}' is no whole percent from 1 to 99. What a share has of its own stands below: 25: gate."
        raise Invalid(said, field="shares") from why


def _lines(text: str) -> dict[int, dict[str, object]]:
    """Return by share what its line says of it; raise Invalid where a share has two."""
    found: dict[int, dict[str, object]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        pct, said = _line(line)
        if pct in found:
            raise Invalid(f"{pct} % has two lines.", field="own")
        found[pct] = said
    return found


def _line(line: str) -> tuple[int, dict[str, object]]:
    """Return the share that a line is about and what it says of it."""
    share, colon, rest = line.partition(":")
    if not colon or not _words(rest):
        why = f"Write a share, a colon and what it has of its own, as in 25: gate; not '{line[:SHOWN]}'."
        raise Invalid(why, field="own")
    said: dict[str, object] = {}
    for words in _words(rest):
        name, _, value = words.partition(" ")
        if name.lower() not in READ:
            raise Invalid(f"A share says {', '.join(READ)}; not {name[:SHOWN]}.", field="own")
        said[name.lower()] = READ[name.lower()](value.strip())
    return whole_number(share.strip().removesuffix("%").strip(), "own", 1, 99), said


def _gate(text: str) -> bool:
    if text.lower() not in GATES:
        raise Invalid(f"gate stands alone, or with yes or no; not '{text[:SHOWN]}'.", field="own")
    return GATES[text.lower()]


GATES = {"": True, "yes": True, "no": False}
READ: dict[str, Callable[[str], object]] = {
    "gate": _gate,
    "guardrails": str.split,
    "min_units": lambda text: _number(text, "own"),
    "min_labels": lambda text: _number(text, "own"),
    "min_s": lambda text: _time(text, "own"),
    "max_s": lambda text: _time(text, "own"),
    "on_hold": str,
    "on_fail": str,
}


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _value(text: str, name: str) -> int | float:
    return _time(text, name) if name.endswith("_s") else _number(text, name)


def _time(text: str, name: str) -> int | float:
    """Return a time such as `90 s`, `1 h 30 min` or `600`, which is of seconds, in seconds."""
    parts = PARTS.findall(text)
    if not parts or PARTS.sub("", text).strip():
        if parts or not text.replace(".", "", 1).isdecimal():
            raise Invalid("Give a time, as in 90 s, 10 min, 1 h 30 min or 2 d.", field=name)
        return _number(text, name)
    return _number(str(sum(float(count) * SECONDS[unit] for count, unit in parts)), name)


def _number(text: str, name: str) -> int | float:
    try:
        found = float(text)
    except ValueError as why:
        raise Invalid("Give a number." if name != "own" else f"'{text}' is no number.", field=name) from why
    return int(found) if found.is_integer() else found
