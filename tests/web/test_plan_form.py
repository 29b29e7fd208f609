"""The form of a plan: by strategy, with shares of their own kind, and what it says where it is wrong."""

import pytest

from core.refusals import Invalid
from deployments.plan import Strategy
from deployments.plans import Plan
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
        ({"shares": "5, x"}, "shares", "whole number"),
        ({"alpha": "few"}, "alpha", "Give a number"),
        ({"on_hold": "shrug"}, "on_hold", "one of ask, go on, go back"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(said: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        plan(strategy="canary", **said)
    assert refused.value.field == field
