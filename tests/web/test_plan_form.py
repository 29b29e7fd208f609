"""The form of a plan: by strategy, with shares of their own kind, and what it says where it is wrong."""

import pytest

from core.refusals import Invalid
from deployments.plan import Strategy
from deployments.plans import Plan
from monitoring.stats.summary import lasting
from web.pages import plan_form


def plan(**said: str) -> Plan:
    return plan_form.plan_of({**plan_form.EMPTY, **said})


@pytest.mark.parametrize("strategy", Strategy)
def test_the_form_as_it_comes_says_the_default_plan(strategy: Strategy) -> None:
    assert plan(strategy=strategy) == Plan.of({"strategy": strategy})
    assert str(strategy) in {choice["value"] for choice in plan_form.STRATEGIES}


def test_a_line_says_what_a_share_has_of_its_own() -> None:
    own = "25: min_units 500, guardrails error, on_hold go on, gate\r\n50 %: max_s 60"
    assert plan(strategy="canary", own=own).document["shares"] == [
        5, 10, {"pct": 25, "guardrails": ["error"], "min_units": 500, "on_hold": "go on", "gate": True},
        {"pct": 50, "max_s": 60},
    ]  # fmt: skip


@pytest.mark.parametrize(("said", "gates"), [("25: Gate", True), ("25 %: gate yes", True), ("25: gate no", False)])
def test_a_gate_is_a_word_that_may_be_answered(said: str, *, gates: bool) -> None:
    assert plan(strategy="canary", own=said).shares[2].gate is gates


@pytest.mark.parametrize(
    ("said", "min_s"), [("600", 600), ("10 min", 600), ("1.5h", 5_400), ("1 h 30 min", 5_400), ("0.5 s", 0.5)]
)
def test_a_time_is_said_in_the_unit_that_fits(said: str, min_s: float) -> None:
    found = plan(strategy="canary", min_s=said)
    assert found.rules.min_s == min_s
    assert plan(strategy="canary", min_s=lasting(min_s)) == found


def test_a_linear_plan_takes_its_own_fields_and_no_others() -> None:
    found = plan(strategy="linear", step_pct="25", every_s="90", on_fail="ask", min_units="1")
    assert found == Plan.of({"strategy": "linear", "step_pct": 25, "every_s": 90, "rules": {"on_fail": "ask"}})


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"own": "30: gate"}, "own", "30 % is none of the shares"),
        ({"own": "25: luck 1"}, "own", "not luck"),
        ({"own": "25: min_units many"}, "own", "'many' is no number"),
        ({"own": "25: min_units 0"}, "own", "min_units should be"),
        ({"own": "a quarter: gate"}, "own", "whole number"),
        ({"own": "25 gate"}, "own", "Write a share, a colon"),
        ({"own": "25:"}, "own", "Write a share, a colon"),
        ({"own": "25: gate please"}, "own", "gate stands alone"),
        ({"own": "25: gate\n25: min_units 5"}, "own", "25 % has two lines"),
        ({"own": "25: min_s soon"}, "own", "Give a time, as in 90 s"),
        ({"shares": "5, x"}, "shares", "'x' is no whole percent"),
        ({"shares": "5, 25 gate"}, "shares", "stands below: 25: gate"),
        ({"max_s": "10 mins"}, "max_s", "Give a time"),
        ({"max_s": "91 d"}, "max_s", "from 1 s to 90 d"),
        ({"alpha": "few"}, "alpha", "Give a number"),
        ({"on_hold": "shrug"}, "on_hold", "one of ask, go on, go back"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(said: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        plan(strategy="canary", **said)
    assert refused.value.field == field
