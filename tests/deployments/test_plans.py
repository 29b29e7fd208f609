"""What plans say: their forms, their documents, their sentences, and the rules at each share."""

from typing import Any

import pytest

from core import canonical
from core.refusals import Invalid
from deployments.plan import Strategy
from deployments.plans import Plan
from registry.policy import begins_pct

RULES = {"min_units": 20, "min_labels": 10, "min_s": 0, "max_s": 60, "ratio_bound": None}
FORMS: list[tuple[dict[str, Any], int]] = [
    ({"strategy": "all-at-once"}, 100),
    ({"strategy": "blue-green", "bake_s": 60}, 100),
    ({"strategy": "linear"}, 10),
    ({"strategy": "linear", "step_pct": 25, "every_s": 60, "rules": {"guardrails": ["error"], "on_fail": "ask"}}, 25),
    ({"strategy": "canary"}, 5),
    ({"strategy": "a-b"}, 50),
    ({"strategy": "a-b", "shares": [20], "for_s": 60, "units": 500, "rules": {"on_fail": "ask"}}, 20),
    ({"strategy": "canary", "shares": [1, 25], "rules": RULES}, 1),
    ({"strategy": "canary", "shares": [{"pct": 20, "gate": True}, 50], "rules": {"on_hold": "go on"}}, 20),
    (
        {"strategy": "canary", "shares": [5, {"pct": 25, "min_units": 500, "guardrails": ["error"], "on_fail": "ask"}]},
        5,
    ),
]


@pytest.mark.parametrize(("said", "begins"), FORMS)
def test_a_plan_is_its_document_and_policies_read_what_it_begins_with(said: dict[str, Any], begins: int) -> None:
    plan = Plan.of(said)
    assert Plan.of(plan.document) == plan
    assert begins_pct(plan.document) == begins


def test_what_was_signed_earlier_reads_the_same_to_the_byte() -> None:
    said = {
        "strategy": "canary", "bake_s": 0.0, "shares": [5, 25], "rules": {
            "guardrails": ["error", "accuracy"], "alpha": 0.05, "tolerance": 1.0, "min_units": 100, "min_labels": 50,
            "min_s": 600.0, "max_s": 86_400.0, "ratio_bound": 2.0,
        },
    }  # fmt: skip
    assert canonical.digest(Plan.of(said).document) == canonical.digest(said)
    assert canonical.digest(said) == "4d9cf6d3af36a618369456af18ce2cf3a23c4365757d50e40174fdcd5366290a"


def test_a_share_has_rules_of_its_own_and_alpha_stays_divided_over_all_guardrails() -> None:
    shares = [
        5,
        {"pct": 25, "min_units": 500, "max_s": 30, "guardrails": ["error"], "on_hold": "go back", "gate": True},
    ]
    plan = Plan.of({"strategy": "canary", "shares": shares, "rules": RULES})
    first, second = plan.rules_at(5), plan.rules_at(25)
    assert (first, first.hears("accuracy")) == (plan.rules, True)
    assert (second.min_units, second.max_s, second.on_hold, second.min_labels) == (500, 30, "go back", 10)
    assert (second.hears("error"), second.hears("accuracy")) == (True, False)
    assert second.part == first.part
    names = ["install", "route", "watch", "route", "watch", "gate", "route", "retire"]
    assert [step.name for step in plan.steps] == names
    assert [step.deadline_s for step in plan.steps if step.name == "watch"] == [120, 60]


def test_a_linear_plan_goes_in_equal_steps_by_time_alone() -> None:
    plan = Plan.of({"strategy": "linear", "step_pct": 30, "every_s": 90})
    assert [share.pct for share in plan.shares] == [30, 60, 90]
    rules = plan.rules_at(30)
    assert (rules.min_s, rules.max_s, rules.min_units, rules.min_labels, rules.ratio_bound) == (90, 90, 0, 0, None)
    assert plan.document == {
        "strategy": "linear", "bake_s": 0.0, "step_pct": 30, "every_s": 90.0,
        "rules": {"guardrails": ["error", "accuracy"], "alpha": 0.05, "tolerance": 1.0},
    }  # fmt: skip


def test_the_sentences_say_what_each_share_has_of_its_own() -> None:
    own = {"pct": 25, "min_units": 500, "max_s": 30, "on_hold": "go on", "guardrails": ["error"], "on_fail": "ask"}
    plan = Plan.of({"strategy": "canary", "shares": [5, {**own, "gate": True}], "rules": RULES})
    sentences = [
        "Requests go over as 5 % → 25 % → 100 %.",
        "Each share lasts at least 0 s, 20 canary requests and 10 labels; after 1 min a person decides.",
        "Evidence sends it back by itself",
        "(failed requests and wrong predictions; a version as good, in 5 of 100 rollouts at most).",
        "At 25 %: at least 500 canary requests; after 30 s it goes on where nothing speaks against it;",
        "nothing but failed requests counts against it; evidence against it keeps it at its share for a person;",
        "then a person lets it go on, with a comment.",
    ]
    assert plan.words == " ".join(sentences)
    linear = Plan.of({"strategy": "linear", "step_pct": 50}).words
    ramp = "Requests go over as 50 % → 100 %, one step every 10 min: time alone moves it on."
    assert linear.startswith(f"{ramp} Evidence sends it back by itself")
    assert plan.short == "canary 5 → 25 → 100 %"
    assert Plan(Strategy.ALL_AT_ONCE).short == "all-at-once"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"strategy": "canary", "shares": [{"gate": True}]}, "shares"),
        ({"strategy": "canary", "shares": [{"pct": 5, "luck": 1}]}, "shares"),
        ({"strategy": "canary", "shares": [{"pct": 5, "gate": "yes"}]}, "shares"),
        ({"strategy": "canary", "shares": [5, {"pct": 5, "gate": True}]}, "shares"),
        ({"strategy": "canary", "shares": [{"pct": 5, "min_units": 0}]}, "min_units"),
        ({"strategy": "canary", "shares": [{"pct": 5, "on_hold": "shrug"}]}, "on_hold"),
        ({"strategy": "canary", "shares": [{"pct": 5, "guardrails": ["latency"]}]}, "guardrails"),
        ({"strategy": "canary", "rules": {"on_fail": "go on"}}, "on_fail"),
        ({"strategy": "canary", "rules": {"heard": ["error"]}}, "rules"),
        ({"strategy": "a-b", "shares": [5, 10]}, "shares"),
        ({"strategy": "a-b", "units": -1}, "units"),
        ({"strategy": "a-b", "for_s": 0}, "for_s"),
        ({"strategy": "a-b", "rules": {"on_hold": "go on"}}, "rules"),
        ({"strategy": "linear", "rules": {"min_units": 5}}, "rules"),
        ({"strategy": "linear", "step_pct": 100}, "step_pct"),
        ({"strategy": "linear", "every_s": 0}, "every_s"),
        ({"strategy": "linear", "every_s": "soon"}, "every_s"),
        ({"strategy": "blue-green", "bake_s": -1}, "bake_s"),
    ],
)
def test_a_plan_that_is_none_is_refused_at_its_field(said: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Plan.of(said)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("said", "unknown"),
    [
        ({"strategy": "canary", "share": [1]}, "share"),
        ({"strategy": "canary", "shares": [1], "bake_s": 5}, "bake_s"),
        ({"strategy": "all-at-once", "shares": [5]}, "shares"),
        ({"strategy": "blue-green", "bake_s": 5, "foo": 1}, "foo"),
        ({"strategy": "linear", "copies_pct": 5}, "copies_pct"),
    ],
)
def test_what_has_no_part_in_a_plan_is_not_swallowed(said: dict[str, object], unknown: str) -> None:
    with pytest.raises(Invalid, match=f"^{unknown} is no part of a plan of {said['strategy']}"):
        Plan.asked(said)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_plan_can_be_asked_for_as_it_was_signed(strategy: Strategy) -> None:
    plan = Plan.of({"strategy": strategy, **({"units": 50} if strategy is Strategy.AB else {})})
    assert Plan.asked(plan.document) == plan
