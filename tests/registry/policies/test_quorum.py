"""Rules of N from groups: a person fills one place, and as many places are filled as can be."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.policies.documents import Rule
from registry.policies.quorum import missing, standings, would_count

TWO, RISK = Rule("reviewer", 2), Rule("risk", 1)


@pytest.mark.parametrize(
    ("rules", "approvals", "filled"),
    [
        ([TWO], {}, [()]),
        ([TWO], {"rita": ["reviewer"]}, [("rita",)]),
        ([TWO], {"rita": ["reviewer"], "rob": ["reviewer"]}, [("rita", "rob")]),
        ([TWO], {"ada": ["admin"]}, [()]),
        ([TWO, RISK], {"rita": ["reviewer", "risk"]}, [("rita",), ()]),
        ([RISK, TWO], {"rita": ["reviewer", "risk"], "rob": ["reviewer"]}, [("rita",), ("rob",)]),
        ([RISK, TWO], {"rita": ["reviewer", "risk"], "rob": ["risk"]}, [("rob",), ("rita",)]),
    ],
)
def test_people_are_seated(rules: list[Rule], approvals: dict[str, list[str]], filled: list[tuple[str, ...]]) -> None:
    assert [one.people for one in standings(rules, approvals)] == filled


def test_what_is_left_is_said_and_who_would_help() -> None:
    given_now = {"rita": ["reviewer", "risk"]}
    assert missing([TWO, RISK], given_now) == [Rule("reviewer", 1), Rule("risk", 1)]
    assert would_count([TWO, RISK], given_now, ["risk"])
    assert not would_count([TWO, RISK], given_now, ["admin"])
    assert not would_count([RISK], given_now, ["risk"])


GROUPS = st.lists(st.sampled_from("abc"), unique=True, max_size=3)
RULES = st.lists(st.builds(Rule, st.sampled_from("abc"), st.integers(1, 2)), max_size=3, unique_by=lambda r: r.group)


@given(RULES, st.dictionaries(st.sampled_from("vwxyz"), GROUPS, max_size=5))
def test_no_better_seating_exists_and_nobody_sits_twice(rules: list[Rule], approvals: dict[str, list[str]]) -> None:
    found = standings(rules, approvals)
    seated = [person for one in found for person in one.people]
    assert len(seated) == len(set(seated))
    assert all(one.rule.group in approvals[person] for one in found for person in one.people)
    places = [rule.group for rule in rules for _ in range(rule.count)]
    empty: list[str] = [""] * max(0, len(places) - len(approvals))
    best = max(
        sum(place in approvals.get(person, []) for place, person in zip(places, order, strict=False))
        for order in permutations([*approvals, *empty], min(len(places), len(approvals) + len(empty)))
    )
    assert len(seated) == best
