"""Answers to copies against those of the live version: when they agree, and what is said of many."""

from typing import Any

import pytest

from monitoring.stats.agreement import Copies, CopyRules, apart, is_alike, judge
from monitoring.stats.judge import Decision

RULES = CopyRules(min_copies=100, min_s=10, max_s=60)


@pytest.mark.parametrize(
    ("live", "other", "gap"),
    [
        (1, 1.5, 0.5),
        ([0.25], [0.5], 0.25),
        ([[0.9, 0.1]], [[0.4, 0.6]], 0.5),
        ([{"p": 1, "q": 2}], [{"p": 1, "q": 5}], 3),
        ([1, 2], [1], None),
        (["cat"], ["dog"], None),
        (True, False, None),
        (None, 1, None),
        ([], [], None),
    ],
)
def test_numbers_at_the_same_place_are_some_way_apart(live: Any, other: Any, gap: float | None) -> None:
    found = apart(live, other)
    assert (found is None) == (gap is None)
    assert gap is None or found == pytest.approx(gap)


def test_answers_are_alike_item_by_item() -> None:
    assert is_alike([1, "a"], [1.0, "a"])
    assert not is_alike([1, "a"], [1, "b"])


@pytest.mark.parametrize(
    ("copies", "spent_s", "decision", "said"),
    [
        (Copies(), 1, Decision.HOLD, "0 of 100 copies compared"),
        (Copies(99, 99), 61, Decision.HOLD, "a person decides"),
        (Copies(100, 100), 9, Decision.HOLD, "9 s of 10 s"),
        (
            Copies(100, 90, 3, 0.01),
            10,
            Decision.PROMOTE,
            "90 of 100 copies were answered alike (82.6 to 94.5 %), 3 failed",
        ),
        (Copies(100, 0), 10, Decision.PROMOTE, "0 of 100"),
    ],
)
def test_enough_is_compared_before_anything_is_said(
    copies: Copies, spent_s: float, decision: Decision, said: str
) -> None:
    verdict = judge(copies, RULES, spent_s)
    assert verdict.decision is decision
    assert said in verdict.sentence
    assert verdict.needs_person == (spent_s > 60)


@pytest.mark.parametrize(("agreeing", "decision"), [(885, Decision.PROMOTE), (860, Decision.ROLLBACK)])
def test_too_little_agreement_goes_back_only_where_the_interval_excludes_what_was_asked(
    agreeing: int, decision: Decision
) -> None:
    rules = CopyRules(100, 0, 60, min_agreement=0.9)
    assert judge(Copies(1_000, agreeing), rules, 1).decision is decision
