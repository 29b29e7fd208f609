"""The form of a plan: its fields, and the plan that they say."""

from collections.abc import Mapping

from core.refusals import Invalid
from deployments.plan import Strategy
from deployments.plans import AB_PCT, AB_S, EVERY_S, SHARES, STEP_PCT, Plan
from monitoring.stats.rules import ASK, GO_BACK, GO_ON, Rules
from web.pages.forms import whole_number

STRATEGIES = [
    {"value": str(Strategy.ALL_AT_ONCE), "label": "All at once"},
    {"value": str(Strategy.BLUE_GREEN), "label": "Blue/green, with a bake time"},
    {"value": str(Strategy.LINEAR), "label": "Linear, by time"},
    {"value": str(Strategy.CANARY), "label": "Canary, on evidence"},
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
EVERYWHERE = ("alpha", "tolerance")
NUMBERS = ("min_units", "min_labels", "min_s", "max_s", *EVERYWHERE)
RULES = Rules()
EMPTY = {
    "strategy": str(Strategy.ALL_AT_ONCE),
    "bake_s": "0",
    "step_pct": str(STEP_PCT),
    "every_s": f"{EVERY_S:g}",
    "share_pct": str(AB_PCT),
    "for_s": f"{AB_S:g}",
    "units": "0",
    "shares": ", ".join(map(str, SHARES)),
    "own": "",
    "guardrails": ", ".join(RULES.guardrails),
    "ratio_bound": f"{RULES.ratio_bound:g}",
    "on_hold": RULES.on_hold,
    "on_fail": RULES.on_fail,
    **{name: f"{getattr(RULES, name):g}" for name in NUMBERS},
}


def plan_of(said: Mapping[str, str]) -> Plan:
    """Return the plan of the form's words; raise Invalid at the field that says none."""
    strategy = said["strategy"]
    if strategy == Strategy.LINEAR:
        step_pct = whole_number(said["step_pct"], "step_pct", 1, 99)
        rules = _rules(said, EVERYWHERE)
        return Plan.of({"strategy": strategy, "step_pct": step_pct, "every_s": said["every_s"], "rules": rules})
    if strategy == Strategy.AB:
        shares, units = (
            [whole_number(said["share_pct"], "share_pct", 1, 99)],
            whole_number(said["units"], "units", 0, 10**9),
        )
        rules = _rules(said, EVERYWHERE)
        return Plan.of({"strategy": strategy, "shares": shares, "for_s": said["for_s"], "units": units, "rules": rules})
    if strategy != Strategy.CANARY:
        return Plan.of({"strategy": strategy, "bake_s": said["bake_s"] or "0"})
    rules = _rules(said, NUMBERS) | {"on_hold": said["on_hold"]}
    rules["ratio_bound"] = _number(said["ratio_bound"], "ratio_bound") if said["ratio_bound"] else None
    shares = [whole_number(word.strip(), "shares", 1, 99) for word in said["shares"].split(",")]
    plan = Plan.of({"strategy": strategy, "shares": shares, "rules": rules})
    return _with_own(plan, said["own"]) if said["own"].strip() else plan


def _rules(said: Mapping[str, str], numbers: tuple[str, ...]) -> dict[str, object]:
    return {
        **{name: _number(said[name], name) for name in numbers},
        "guardrails": _words(said["guardrails"]),
        "on_fail": said["on_fail"],
    }


def _with_own(plan: Plan, text: str) -> Plan:
    """Return the plan with what the lines of `text` say of single shares, such as `25: min_units 500, gate`."""
    lines = dict(_line(line) for line in text.splitlines() if line.strip())
    if strange := sorted(lines.keys() - {share.pct for share in plan.shares}):
        raise Invalid(f"{strange[0]} % is none of the shares.", field="own")
    try:
        said = [{"pct": share.pct, **lines.get(share.pct, {})} for share in plan.shares]
        return Plan.of({**plan.document, "shares": said})
    except Invalid as why:
        raise Invalid(str(why), field="own") from why


def _line(line: str) -> tuple[int, dict[str, object]]:
    """Return the share that a line is about and what it says of it."""
    pct, _, rest = line.partition(":")
    said: dict[str, object] = {}
    for words in _words(rest):
        name, _, value = words.partition(" ")
        if name == "gate":
            said[name] = True
        elif name == "guardrails":
            said[name] = value.split()
        else:
            said[name] = value.strip() if name in {"on_hold", "on_fail"} else _number(value, "own")
    return whole_number(pct.strip().removesuffix("%").strip(), "own", 1, 99), said


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _number(text: str, name: str) -> int | float:
    try:
        found = float(text)
    except ValueError as why:
        raise Invalid("Give a number." if name != "own" else f"'{text}' is no number.", field=name) from why
    return int(found) if found.is_integer() else found
