"""MLflow's search grammar: text in, clauses out. Knows no table.

    clause (AND clause)*      clause: name operator value | name [NOT] IN (value, …)

No OR and no parentheses but those of a list; keywords in any case; names may stand in backticks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.refusals import Invalid

TEXT_MAX, CLAUSES_MAX = 10_000, 50
Value = str | float | tuple[str, ...]

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'[^']*'|"[^"]*")
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<name>(?:`[^`]+`|[^\W\d]\w*)(?:\.(?:`[^`]+`|"[^"]+"|[\w./-]+))?)
    | (?P<operator>!=|>=|<=|=|>|<)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
END = ("end", "")


@dataclass(frozen=True)
class Clause:
    """One comparison: `kind` is attribute, tag, param or metric; `operator` is upper case."""

    kind: str
    key: str
    operator: str
    value: Value


@dataclass(frozen=True)
class Order:
    """One column of an order."""

    kind: str
    key: str
    descending: bool


def bad_filter(text: str) -> Invalid:
    """Return the refusal of a filter, in MLflow's words."""
    return Invalid(f"Invalid clause(s) in filter string: {text[:500]!r}", field="filter")


def parse_filter(text: str, kinds: Mapping[str, str]) -> list[Clause]:
    """Return the clauses of `text`, none for an empty one; `kinds` names what a prefix such as `tags.` stands for."""
    if len(text) > TEXT_MAX:
        raise Invalid(f"The filter is over {TEXT_MAX} characters.", field="filter")
    return _Reader(text, kinds).clauses()


def parse_order(text: str, kinds: Mapping[str, str]) -> Order:
    """Return the column and direction of one `order_by` entry."""
    try:
        reader = _Reader(text, kinds)
        kind, key = reader.name()
        way = reader.keyword("ASC", "DESC")
        reader.end()
    except Invalid as why:
        raise Invalid(f"Invalid order_by clause '{text[:200]}'.", field="order_by") from why
    return Order(kind, key, descending=way == "DESC")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place, text = [], 0, text.rstrip()
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise bad_filter(text)
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str, kinds: Mapping[str, str]) -> None:
        self.text, self.kinds = text, kinds
        self.tokens, self.place = _tokens(text), 0

    def clauses(self) -> list[Clause]:
        found: list[Clause] = []
        while self.tokens and (not found or self.keyword("AND")):
            found.append(self.clause())
        self.end()
        if len(found) > CLAUSES_MAX:
            raise Invalid(f"The filter has more than {CLAUSES_MAX} clauses.", field="filter")
        return found

    def clause(self) -> Clause:
        kind, key = self.name()
        operator = self.operator()
        value = self.items() if operator.endswith("IN") else self.value()
        return Clause(kind, key, operator, value)

    def name(self) -> tuple[str, str]:
        """Return kind and key: a bare name is an attribute."""
        head, dot, rest = _split_name(self.take("name"))
        if not dot:
            return "attribute", head
        kind = self.kinds.get(head.lower())
        if kind is None:
            raise bad_filter(self.text)
        return kind, rest

    def operator(self) -> str:
        if self.peek()[0] == "operator":
            return self.take("operator")
        word = self.keyword("LIKE", "ILIKE", "IN", "NOT")
        if word == "NOT" and self.keyword("IN"):
            return "NOT IN"
        if word in {"", "NOT"}:
            raise bad_filter(self.text)
        return word

    def value(self) -> str | float:
        if self.peek()[0] == "number":
            return _number(self.take("number"))
        return self.take("string")[1:-1]

    def items(self) -> tuple[str, ...]:
        self.mark("(")
        found = [self.take("string")[1:-1]]
        while self.peek() == ("mark", ","):
            self.mark(",")
            found.append(self.take("string")[1:-1])
        self.mark(")")
        return tuple(found)

    def keyword(self, *words: str) -> str:
        """Return the next word in upper case where it is one of `words`, and go on; else an empty string."""
        kind, text = self.peek()
        if kind != "name" or text.upper() not in words:
            return ""
        self.place += 1
        return text.upper()

    def mark(self, letter: str) -> None:
        if self.take("mark") != letter:
            raise bad_filter(self.text)

    def take(self, kind: str) -> str:
        found, text = self.peek()
        if found != kind:
            raise bad_filter(self.text)
        self.place += 1
        return text

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.place] if self.place < len(self.tokens) else END

    def end(self) -> None:
        if self.place < len(self.tokens):
            raise bad_filter(self.text)


def _split_name(text: str) -> tuple[str, str, str]:
    if text.startswith("`"):
        head, _, rest = text[1:].partition("`")
        return head, rest[:1], rest[1:].strip('`"')
    head, dot, rest = text.partition(".")
    return head, dot, rest.strip('`"')


def _number(text: str) -> float:
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 19 else float(text)  # noqa: PLR2004 - fits 64 bits
