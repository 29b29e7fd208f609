"""The search grammars: text in, clauses out. Knows no table.

    clause (AND clause)* [AND]      clause: name operator value | name [NOT] IN (value, …) | name IS [NOT] NULL

That is MLflow's: no OR and no parentheses but those of a list; keywords in any case; names may stand in backticks, and
what follows their dot in quotes. A quote that stands twice in a value stands twice in it; an AND too many says nothing.
`parse_grouped` reads what own REST and the pages take besides: OR, which binds less than AND, and parentheses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.refusals import Invalid

TEXT_MAX, CLAUSES_MAX, DEPTH_MAX = 10_000, 50, 20
QUOTES = "`\"'"
COMPARED = frozenset({">", ">=", "<", "<="})
NULLS = frozenset({"IS NULL", "IS NOT NULL"})
Value = str | float | tuple[str, ...]

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<name>(?:`[^`]+`|[^\W\d]\w*)(?:\.(?:`[^`]+`|"[^"]+"|'[^']+'|[\w./-]+))?)
    | (?P<operator>!=|>=|<=|=|>|<)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
NAMES = {"string": "a value in quotes", "name": "a name", "mark": "a parenthesis or comma", "operator": "an operator"}


@dataclass(frozen=True)
class Clause:
    """One comparison: `kind` is attribute, tag, param or metric; `operator` is in capitals, `place` where it begins."""

    kind: str
    key: str
    operator: str
    value: Value
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Group:
    """Clauses and groups of which all (`word` is AND) or at least one (OR) must hold. An empty one holds always."""

    word: str
    parts: "tuple[Clause | Group, ...]"


@dataclass(frozen=True)
class Token:
    """A word, where it begins and of what kind it is."""

    kind: str
    text: str
    place: int


@dataclass(frozen=True)
class Order:
    """One column of an order."""

    kind: str
    key: str
    descending: bool


def bad_filter(text: str, place: int, wanted: str) -> Invalid:
    """Return the refusal of a filter: MLflow's words, the character at fault, counted from 1, and what fits there."""
    where = f"Character {place + 1}: {wanted}." if place < len(text.rstrip()) else f"At its end: {wanted}."
    return Invalid(f"Invalid clause(s) in filter string: {text[:500]!r}. {where}", field="filter")


def parse_filter(text: str, kinds: Mapping[str, str]) -> list[Clause]:
    """Return the clauses of `text`, none for an empty one; `kinds` names what a prefix such as `tags.` stands for."""
    return _reader(text, kinds).clauses()


def parse_grouped(text: str, kinds: Mapping[str, str]) -> Group:
    """Return `text` with its ORs and parentheses; what `parse_filter` takes means the same here."""
    return _reader(text, kinds).groups()


def _reader(text: str, kinds: Mapping[str, str]) -> "_Reader":
    if len(text) > TEXT_MAX:
        raise Invalid(f"The filter is over {TEXT_MAX} characters.", field="filter")
    return _Reader(text, kinds)


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


def _tokens(text: str) -> list[Token]:
    found, place, text = [], 0, text.rstrip()
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            wanted = "the quote is not closed" if text[place] in "'\"`" else "this is no word of a filter"
            raise bad_filter(text, place, wanted)
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return found


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str, kinds: Mapping[str, str]) -> None:
        self.text, self.kinds = text, kinds
        self.tokens, self.place, self.count = _tokens(text), 0, 0

    def clauses(self) -> list[Clause]:
        found: list[Clause] = []
        self.joined()
        while self.place < len(self.tokens):
            found.append(self.clause())
            if not self.joined():
                break
        self.end()
        return found

    def joined(self) -> bool:
        """Pass over any number of ANDs; return whether there was one."""
        before = self.place
        while self.keyword("AND"):
            pass
        return self.place > before

    def groups(self) -> Group:
        self.joined()
        found = self.either(0) if self.place < len(self.tokens) else Group("AND", ())
        self.end()
        return found if isinstance(found, Group) else Group("AND", (found,))

    def either(self, depth: int) -> Clause | Group:
        parts = [self.both(depth)]
        while self.keyword("OR"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Group("OR", tuple(parts))

    def both(self, depth: int) -> Clause | Group:
        parts = [self.part(depth)]
        while self.joined() and self.place < len(self.tokens):
            parts.append(self.part(depth))
        return parts[0] if len(parts) == 1 else Group("AND", tuple(parts))

    def part(self, depth: int) -> Clause | Group:
        if not self.is_mark("("):
            return self.clause()
        if depth == DEPTH_MAX:
            raise self.bad(f"parentheses stand at most {DEPTH_MAX} deep")
        self.mark("(")
        found = self.either(depth + 1)
        self.mark(")")
        return found

    def clause(self) -> Clause:
        self.count += 1
        if self.count > CLAUSES_MAX:
            raise Invalid(f"The filter has more than {CLAUSES_MAX} clauses.", field="filter")
        place = self.peek().place
        kind, key = self.name()
        operator = self.operator()
        return Clause(kind, key, operator, self.compared(kind, operator), place)

    def name(self) -> tuple[str, str]:
        """Return kind and key: a bare name is an attribute."""
        token = self.peek()
        head, dot, rest = _split_name(self.take("name"))
        if not dot:
            return "attribute", head
        kind = self.kinds.get(head.lower())
        if kind is None:
            raise bad_filter(self.text, token.place, f"a name begins with {', '.join(self.kinds)}, or has no dot")
        return kind, rest

    def operator(self) -> str:
        token = self.peek()
        if token.kind == "operator":
            return self.take("operator")
        word = self.keyword("LIKE", "ILIKE", "IN", "NOT", "IS")
        if word == "NOT" and self.keyword("IN"):
            return "NOT IN"
        if word == "IS":
            return self.null()
        if word in {"", "NOT"}:
            raise bad_filter(self.text, token.place, "an operator is expected, such as = or LIKE")
        return word

    def null(self) -> str:
        negated = "NOT " if self.keyword("NOT") else ""
        if not self.keyword("NULL"):
            raise self.bad("NULL is expected")
        return f"IS {negated}NULL"

    def compared(self, kind: str, operator: str) -> Value:
        if operator in NULLS:
            return ""
        if operator.endswith("IN"):
            return self.items()
        if self.peek().kind == "number":
            return _number(self.take("number"))
        if self.peek().kind != "string" and kind == "metric":
            raise self.bad("a number is expected")
        if self.peek().kind != "string" and operator in COMPARED:
            raise self.bad("a number, or a value in quotes, is expected")
        return self.take("string")[1:-1]

    def items(self) -> tuple[str, ...]:
        """Return the values of a list, which may end with a comma."""
        self.mark("(")
        found = [self.take("string")[1:-1]]
        while self.is_mark(","):
            self.mark(",")
            if self.is_mark(")"):
                break
            found.append(self.take("string")[1:-1])
        self.mark(")")
        return tuple(found)

    def is_mark(self, letter: str) -> bool:
        return self.peek().kind == "mark" and self.peek().text == letter

    def keyword(self, *words: str) -> str:
        """Return the next word in upper case where it is one of `words`, and go on; else an empty string."""
        token = self.peek()
        if token.kind != "name" or token.text.upper() not in words:
            return ""
        self.place += 1
        return token.text.upper()

    def mark(self, letter: str) -> None:
        if not self.is_mark(letter):
            raise self.bad(f"{letter} is expected")
        self.place += 1

    def take(self, kind: str) -> str:
        token = self.peek()
        if token.kind != kind:
            raise self.bad(f"{NAMES[kind]} is expected")
        self.place += 1
        return token.text

    def peek(self) -> Token:
        return self.tokens[self.place] if self.place < len(self.tokens) else Token("end", "", len(self.text))

    def bad(self, wanted: str) -> Invalid:
        return bad_filter(self.text, self.peek().place, wanted)

    def end(self) -> None:
        if self.place < len(self.tokens):
            raise self.bad("AND, or the end, is expected")


def _split_name(text: str) -> tuple[str, str, str]:
    if text.startswith("`"):
        head, _, rest = text[1:].partition("`")
        return head, rest[:1], rest[1:].strip(QUOTES)
    head, dot, rest = text.partition(".")
    return head, dot, rest.strip(QUOTES)


def _number(text: str) -> float:
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 19 else float(text)  # noqa: PLR2004 - fits 64 bits
