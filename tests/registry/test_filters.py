"""The search grammar, without a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.refusals import Invalid
from registry.filters import Clause, Order, parse_filter, parse_order
from registry.search import KINDS

GOOD = [
    ("", []),
    ("  ", []),
    ("name = 'a'", [Clause("attribute", "name", "=", "a")]),
    ('name="it\'s"', [Clause("attribute", "name", "=", "it's")]),
    ("`name` != 'a'", [Clause("attribute", "name", "!=", "a")]),
    ("attribute.name like 'A%'", [Clause("attribute", "name", "LIKE", "A%")]),
    ("tag.a.b = 'x'", [Clause("tag", "a.b", "=", "x")]),
    ("tags.`a b` ILIKE 'x'", [Clause("tag", "a b", "ILIKE", "x")]),
    ('tags."a b" = "x"', [Clause("tag", "a b", "=", "x")]),
    ("name IN ('a', 'b')", [Clause("attribute", "name", "IN", ("a", "b"))]),
    ("tags.'a b' = 'x'", [Clause("tag", "a b", "=", "x")]),
    ("name IN ('a',)", [Clause("attribute", "name", "IN", ("a",))]),
    ("tags.a IS NULL", [Clause("tag", "a", "IS NULL", "")]),
    (
        "tags.a is not null AND name = 'n'",
        [Clause("tag", "a", "IS NOT NULL", ""), Clause("attribute", "name", "=", "n")],
    ),
    ("name not in ('a')", [Clause("attribute", "name", "NOT IN", ("a",))]),
    ("version_number >= 3", [Clause("attribute", "version_number", ">=", 3)]),
    ("version_number < '3'", [Clause("attribute", "version_number", "<", "3")]),
    ("params = 'it''s'", [Clause("attribute", "params", "=", "it''s")]),
    ('name = "it""s"', [Clause("attribute", "name", "=", 'it""s')]),
    ("name = ''", [Clause("attribute", "name", "=", "")]),
    ("AND", []),
    (
        "AND name = 'a' AND and tag.b = 'c' AND ",
        [
            Clause("attribute", "name", "=", "a"),
            Clause("tag", "b", "=", "c"),
        ],
    ),
    ("name = 'AND' and run_id='r'", [Clause("attribute", "name", "=", "AND"), Clause("attribute", "run_id", "=", "r")]),
]
BAD = [
    "name",
    "name =",
    "name = a",
    "= 'a'",
    "'name' = 'a'",
    "name = 'a' OR name = 'b'",
    "(name = 'a')",
    "name = 'a' OR",
    "name = 'a' name = 'b'",
    "name = 'a",
    "name IN ()",
    "name IN ('a'",
    "name IN ('a',,)",
    "name IN (,)",
    "tags.a IS",
    "tags.a IS NOT 'x'",
    "tags.a NOT NULL",
    "name NOT LIKE 'a'",
    "name RLIKE 'a'",
    "attributes.name = 'a'",
    "nothing.name = 'a'",
    "name == 'a'",
    "name = 'a';",
    "name = 'a' -- x",
]


@pytest.mark.parametrize(("text", "clauses"), GOOD)
def test_a_filter_is_read(text: str, clauses: list[Clause]) -> None:
    assert parse_filter(text, KINDS) == clauses


@pytest.mark.parametrize("text", BAD)
def test_a_filter_that_is_none_is_refused_in_mlflows_words(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid clause"):
        parse_filter(text, KINDS)


def test_a_filter_has_a_length_and_a_number_of_clauses() -> None:
    with pytest.raises(Invalid, match="10000 characters"):
        parse_filter("name = '" + "a" * 10_000 + "'", KINDS)
    with pytest.raises(Invalid, match="50 clauses"):
        parse_filter(" AND ".join(["name = 'a'"] * 51), KINDS)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_filter, parse_order):
        try:
            read(text, KINDS)
        except Invalid:
            continue


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("name", Order("attribute", "name", descending=False)),
        ("name desc", Order("attribute", "name", descending=True)),
        ("`name` ASC", Order("attribute", "name", descending=False)),
    ],
)
def test_an_order_is_read(text: str, order: Order) -> None:
    assert parse_order(text, KINDS) == order


@pytest.mark.parametrize("text", ["", "name up", "name ASC DESC", "name, version", "name ASC; drop"])
def test_an_order_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid order_by"):
        parse_order(text, KINDS)
