"""Turns parsed filters and orders into queries, by a table of the fields each kind of thing can be searched by."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Exists, F, Model, OrderBy, OuterRef, Q, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import IsNull

from accounts.actors import Actor
from core.refusals import Invalid
from registry import names
from registry.filters import Clause, Value, bad_filter, parse_filter, parse_order
from registry.models import ModelTag, ModelVersion, RegisteredModel, VersionTag
from registry.paging import Page, check_size, page

M = TypeVar("M", bound=Model)
EQUAL = frozenset({"=", "!="})
TEXT = EQUAL | {"LIKE", "ILIKE"}
LISTED = TEXT | {"IN", "NOT IN"}
NUMBER = EQUAL | {">", ">=", "<", "<="}
LOOKUPS = {"=": "exact", "LIKE": "like", "ILIKE": "ilike", "IN": "in", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
TAG_WORDS = {"tag": "tag", "tags": "tag"}
KINDS = {**TAG_WORDS, "attribute": "attribute"}
Related = Callable[[str, str, Value], Q | Exists]


@dataclass(frozen=True)
class Field:
    """A searchable attribute: where it is kept and how it compares."""

    path: str
    operators: frozenset[str] = TEXT
    whole: bool = False


@dataclass(frozen=True)
class Asked:
    """What a caller searches for."""

    filter: str = ""
    order_by: tuple[str, ...] = field(default_factory=tuple)
    max_results: int | None = None
    token: str = ""


MODEL_FIELDS = {"name": Field("name", LISTED)}
MODEL_ORDERS = {"name": "name", "timestamp": "updated_at", "last_updated_timestamp": "updated_at"}
VERSION_FIELDS = {
    "name": Field("model__name", LISTED),
    "run_id": Field("run_id", LISTED),
    "source_path": Field("source"),
    "version_number": Field("version", NUMBER, whole=True),
}
VERSION_ORDERS = {
    "name": "model__name",
    "version_number": "version",
    "creation_timestamp": "created_at",
    "last_updated_timestamp": "updated_at",
}


def search_models(asked: Asked, *, actor: Actor) -> Page[RegisteredModel]:
    """Return the page of models the actor may see; prompts only where the filter asks for them."""
    size = check_size(asked.max_results, default=100, limit=1000)
    clauses, prompts = split_prompts(parse_filter(asked.filter, KINDS))
    rows = RegisteredModel.objects.visible_to(actor).select_related("owner")
    for clause in clauses:
        rows = rows.filter(condition(clause, MODEL_FIELDS, {"tag": beside(ModelTag, "model")}, asked.filter))
    prompt = Exists(ModelTag.objects.filter(model=OuterRef("pk"), key=names.PROMPT_TAG, value="true"))
    rows = rows.filter(prompt if prompts else ~prompt)
    return page(rows.order_by(*orders(asked.order_by, MODEL_ORDERS), "name"), size=size, token=asked.token)


def search_versions(asked: Asked, *, actor: Actor) -> Page[ModelVersion]:
    """Return the page of versions the actor may see, the last changed first; prompts only where asked for."""
    size = check_size(asked.max_results, default=200_000, limit=200_000)
    clauses, prompts = split_prompts(parse_filter(asked.filter, KINDS))
    rows = ModelVersion.objects.visible_to(actor).select_related("model", "registered_by")
    for clause in clauses:
        rows = rows.filter(condition(clause, VERSION_FIELDS, {"tag": beside(VersionTag, "version")}, asked.filter))
    prompt = Exists(VersionTag.objects.filter(version__model=OuterRef("model"), key=names.PROMPT_TAG, value="true"))
    rows = rows.filter(prompt if prompts else ~prompt)
    natural = () if asked.order_by else ("-updated_at",)
    chosen = orders(asked.order_by, VERSION_ORDERS)
    return page(rows.order_by(*chosen, *natural, "model__name", "-version"), size=size, token=asked.token)


def split_prompts(clauses: list[Clause]) -> tuple[list[Clause], bool]:
    """Return the other clauses, and whether the prompt tag was asked for: `= 'true'` or `!= 'false'`."""
    others = [clause for clause in clauses if (clause.kind, clause.key) != ("tag", names.PROMPT_TAG)]
    wanted = {("=", "true"), ("!=", "false")}
    asked = [(c.operator, str(c.value).lower()) for c in clauses if (c.kind, c.key) == ("tag", names.PROMPT_TAG)]
    return others, any(pair in wanted for pair in asked)


def beside(rows: type[Model], owner: str, *, column: str = "value") -> Related:
    """Return how to compare a key that is a row of `rows`, owned by the row searched; an absent key never matches."""

    def related(key: str, operator: str, value: Value) -> Exists:
        held = rows._default_manager.filter(**{owner: OuterRef("pk")}, key=key)
        return Exists(held.filter(comparison(column, operator, value)))

    return related


def inside(column: str) -> Related:
    """Return how to compare a key of the JSON object in `column`; an absent key never matches."""

    def related(key: str, operator: str, value: Value) -> Q:
        if not names.TAG_KEY.match(key):
            raise Invalid(f"Invalid key in filter: '{key[:80]}'", field="filter")
        held = KeyTextTransform(key, column)
        lookup = TextField().get_lookup(LOOKUPS[{"!=": "="}.get(operator, operator)])
        found = Q(lookup(held, value))  # type: ignore[misc]
        return Q(IsNull(held, False)) & (~found if operator == "!=" else found)

    return related


def condition(clause: Clause, fields: Mapping[str, Field], related: Mapping[str, Related], text: str) -> Q | Exists:
    """Return the clause as a condition on a field of the table, or on what stands beside it by kind."""
    if clause.kind == "attribute":
        known = fields.get(clause.key)
        if known is None or clause.operator not in known.operators:
            raise bad_filter(text)
        is_number = known.operators == NUMBER
        value = _number(clause.value, text, whole=known.whole) if is_number else _text(clause.value, text)
        return comparison(known.path, clause.operator, value)
    is_number = clause.kind == "metric"
    if clause.kind not in related or clause.operator not in (NUMBER if is_number else TEXT):
        raise bad_filter(text)
    value = _number(clause.value, text, whole=False) if is_number else _text(clause.value, text)
    return related[clause.kind](clause.key, clause.operator, value)


def comparison(path: str, operator: str, value: Value) -> Q:
    """Return `path operator value`."""
    if operator in {"!=", "NOT IN"}:
        return ~comparison(path, "=" if operator == "!=" else "IN", value)
    return Q(**{f"{path}__{LOOKUPS[operator]}": value})


def orders(entries: Iterable[str], known: Mapping[str, str]) -> list[OrderBy]:
    """Return the order by columns; raise Invalid for one that `known` lacks or that stands twice."""
    found: dict[str, OrderBy] = {}
    for entry in entries:
        order = parse_order(entry, KINDS)
        path = known.get(order.key) if order.kind == "attribute" else None
        if path is None or path in found:
            raise Invalid(
                f"Invalid order_by clause '{entry[:200]}'. The columns are {', '.join(known)}, each once.",
                field="order_by",
            )
        found[path] = F(path).desc() if order.descending else F(path).asc()
    return list(found.values())


def _text(value: Value, text: str) -> Value:
    if isinstance(value, (int, float)):
        raise bad_filter(text)
    return value


def _number(value: Value, text: str, *, whole: bool) -> float:
    try:
        if isinstance(value, tuple):
            raise bad_filter(text)
        number = int(value) if isinstance(value, str) and whole else float(value) if isinstance(value, str) else value
    except ValueError as why:
        raise bad_filter(text) from why
    if number != number or abs(number) >= 2**63 or (whole and not isinstance(number, int)):  # noqa: PLR0124 - NaN
        raise bad_filter(text)
    return number
