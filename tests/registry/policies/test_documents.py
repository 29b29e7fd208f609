"""A policy's text is read strictly: what could mean two things, or nothing, is refused at its line."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.checked_yaml import normal
from core.strict_yaml import Unreadable, read
from registry.policies.documents import Action, BadPolicy, CheckSpec, PolicyDocument, Rule, parse

SHORT = """type: signoff.policy/1
policy: careful
order: 10
match:
  actions:
    - stage: Production
approvals:
  - {group: reviewer, count: 2}
"""
WHOLE = (
    SHORT.replace("  actions:", "  models: [credit-*]\n  risk: [high]\n  actions:")
    + """checks:
  - {metric: auc, at_least: 0.9}
  - {metric: auc, worse_than_champion_by_at_most: 0.01}
  - signature: compatible
expires: 7d
due: 1d
wait: 4h
freeze:
  - {from: 2026-12-20 18:00, until: 2027-01-03, zone: Europe/Paris, why: year end}
"""
)


def problems(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(BadPolicy) as caught:
        parse(text)
    return [(p.line, p.column, p.message) for p in caught.value.problems]


def test_a_short_policy_says_the_rest_by_leaving_it_out() -> None:
    assert parse(SHORT) == PolicyDocument(
        name="careful", order=10, rules=(Rule("reviewer", 2),), actions=(Action("stage", "Production"),)
    )


def test_a_whole_policy_is_read_with_its_times_in_their_zone() -> None:
    found = parse(WHOLE)
    assert found.models == ("credit-*",)
    assert found.risk == {"high"}
    assert found.checks == (
        CheckSpec("metric", "auc", ">=", 0.9),
        CheckSpec("champion", "auc", "", 0.01),
        CheckSpec("signature"),
    )
    assert (found.expires, found.wait, found.due) == (timedelta(days=7), timedelta(hours=4), timedelta(days=1))
    assert found.freezes[0].start == datetime(2026, 12, 20, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("order: 10", "order: 10\norder: 11", 4, "the key 'order' stands twice"),
        ("order: 10", "order: ten", 3, "'order' has to be a whole number, not text"),
        ("order: 10", "order: 0", 3, "0 is less than the minimum of 1"),
        ("order: 10", "order: 10\nordre: 3", 4, "unknown key 'ordre'"),
        ("order: 10\n", "", 1, "'order' is missing"),
        ("stage: Production", "stage: production", 6, "'stage' has to be None or Staging or Production or Archived"),
        ("stage: Production", "stage: Production\n      alias: champion", 6, "exactly one of stage, alias and deploy"),
        (
            "stage: Production",
            "stage: Production\n      begins_above_pct: 5",
            6,
            "begins_above_pct and share_above_pct go with deploy",
        ),
        ("stage: Production", "deploy: mars", 6, "'deploy' has to be staging or production, not mars"),
        ("count: 2", "count: 0", 8, "less than the minimum"),
        ("count: 2", "count: yes", 8, "'count' has to be a whole number, not text"),
        ("  - {group: reviewer, count: 2}", "  []", 7, "is refused"),
        ("policy: careful", "policy: Careful!", 2, "small letters, digits and dashes"),
        ("type: signoff.policy/1", "type: signoff.policy/2", 1, "has to be signoff.policy/1"),
        ("order: 10", "order: &a 10", 3, "no anchors and aliases"),
        ("order: 10", "order: !!int 10", 3, "no tags"),
        ("order: 10", "order: 10\nwait: soon", 4, "a whole number and m, h or d"),
        ("order: 10", "order: [", 5, "expected ',' or ']'"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(old: str, new: str, line: int, says: str) -> None:
    found = problems(SHORT.replace(old, new))
    assert any(at == line and says in message for at, _, message in found), found


@pytest.mark.parametrize(
    ("more", "line", "says"),
    [
        ("checks:\n  - {metric: auc, at_least: 1, below: 2}\n", 10, "a metric with one bound"),
        ("checks:\n  - {metric: auc}\n", 10, "a metric with one bound"),
        ("checks:\n  - {signature: compatible, at_least: 1}\n", 10, "a metric with one bound"),
        ("checks:\n  - scan: clean\n  - scan: clean\n", 11, "stands twice"),
        ("freeze:\n  - {from: 2026-12-20, until: 2026-12-20, zone: UTC, why: x}\n", 10, "ends before it begins"),
        ("freeze:\n  - {from: 2026-02-30, until: 2026-12-20, zone: UTC, why: x}\n", 10, "no such time"),
        ("freeze:\n  - {from: 2026-02-03, until: 2026-12-20, zone: Mars/Dust, why: x}\n", 10, "no time zone Mars/Dust"),
        ("freeze:\n  - {from: 2026-02-03, until: 2026-12-20, zone: ../UTC, why: x}\n", 10, "no such time"),
    ],
)
def test_sense_is_asked_for_beyond_the_schema(more: str, line: int, says: str) -> None:
    found = problems(SHORT + more)
    assert any(at == line and says in message for at, _, message in found), found


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(problems(SHORT.replace("order: 10", "order: ten").replace("count: 2", "count: 0"))) == 2


def test_words_of_yaml_that_guess_are_text() -> None:
    said = read("{a: no, b: on, c: 12:30, d: 2026-12-20, e: 0o7, f: 1_000, g: 0777, h: .inf}").value
    assert all(isinstance(value, str) for value in said.values())


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2", "a: \x00", "? [a]\n: 1", "[" * 50 + "]" * 50, "x" * 70_000])
def test_other_yaml_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_line_ends_make_no_other_policy() -> None:
    assert normal(SHORT.replace("\n", "\r\n")) == normal(SHORT + "\n\n") == SHORT


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    )
)
def test_whatever_yaml_writes_is_read_as_it_was_or_refused(value: object) -> None:
    try:
        assert read(yaml.safe_dump(value)).value == value
    except Unreadable:
        assert "&id" in yaml.safe_dump(value) or "!!" in yaml.safe_dump(value)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse(text)
    except BadPolicy as why:
        assert why.problems  # noqa: PT017 - the refusal is what is looked at


@given(st.lists(st.sampled_from(WHOLE.splitlines()), max_size=30))
def test_no_muddle_of_lines_breaks_the_reader(lines: list[str]) -> None:
    try:
        parse("\n".join(lines))
    except BadPolicy as why:
        assert all(p.line <= len(lines) + 1 for p in why.problems)  # noqa: PT017 - as above
