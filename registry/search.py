"""Turns parsed filters and orders into queries, by a table of the fields each kind of thing can be searched by."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet, TextField
from django.db.models import Value as Constant
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Concat
from django.db.models.lookups import IsNull

from accounts.actors import Actor
from core.refusals import Invalid
from registry import names, reads
from registry.filters import NULLS, Clause, Value, bad_filter, parse_filter, parse_order
from registry.models import ModelTag, ModelVersion, RegisteredModel, VersionTag
from registry.models.versions import TAG_START
from registry.paging import Column, Listing, Page, by, check_size, page, page_of_keys

EQUAL = frozenset({"=", "!="})
TEXT = EQUAL | {"LIKE", "ILIKE"}
LISTED = TEXT | {"IN", "NOT IN"}
TIME = frozenset({">", ">=", "<", "<="})
NUMBER = EQUAL | TIME
BESIDE = {"tag": TEXT | NULLS, "param": TEXT | NULLS, "metric": NUMBER, "dataset": LISTED}
MILLISECOND = timedelta(milliseconds=1)
LOOKUPS = {"=": "exact", "LIKE": "like", "ILIKE": "ilike", "IN": "in", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
TAG_WORDS = {"tag": "tag", "tags": "tag"}
KINDS = {**TAG_WORDS, "attribute": "attribute"}
FEW = 500
Related = Callable[[str, str, Any], Q | Exists]


@dataclass(frozen=True)
class Field:
    """A searchable attribute: where it is kept and how it compares; a `moment` by its milliseconds since 1970."""

    path: str
    operators: frozenset[str] = TEXT
    whole: bool = False
    choices: tuple[str, ...] = ()
    moment: bool = False


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
    columns = (*orders(asked.order_by, MODEL_ORDERS), *by("name"))
    return page(rows, Listing(("models", asked.filter), columns, size, asked.token))


def search_versions(asked: Asked, *, actor: Actor) -> Page[reads.VersionRead]:
    """Return the page of versions the actor may see, the last changed first; prompts only where asked for."""
    size = check_size(asked.max_results, default=200_000, limit=200_000)
    natural = by() if asked.order_by else by("-updated_at")
    columns = (*orders(asked.order_by, VERSION_ORDERS), *natural, *by("model__name", "-version"))
    clauses, prompts = split_prompts(parse_filter(asked.filter, KINDS))
    name = _one_model(clauses)
    if not prompts and not asked.order_by and len(clauses) == (1 if name else 0):
        listing = Listing(("versions", asked.filter), columns, size, asked.token)
        return listing.page(reads.newest(name, size + 1, listing.start, actor=actor), reads.place)
    rows = ModelVersion.objects.visible_to(actor)
    if name:  # its key and an order without it fit the indexes of one model's versions
        rows = rows.filter(model=_key(name))
        columns = tuple(column for column in columns if column.name != "model__name")
    listing = Listing(("versions", asked.filter), _needed(columns), size, asked.token)
    for clause in clauses:
        rows = rows.filter(condition(clause, VERSION_FIELDS, {"tag": version_tag}, asked.filter))
    prompt = Q(model__in=VersionTag.objects.filter(key=names.PROMPT_TAG, value="true").values("version__model"))
    found = page_of_keys(rows.filter(prompt if prompts else ~prompt), listing)
    return Page(reads.versions_now(found.rows), found.next_token)


def _one_model(clauses: list[Clause]) -> str:
    """Return the one model that is asked for, an empty text where it may be several."""
    asked = [c.value for c in clauses if (c.kind, c.key, c.operator) == ("attribute", "name", "=")]
    return asked[0] if asked and isinstance(asked[0], str) else ""


def _key(name: str) -> int | None:
    return RegisteredModel.objects.live().filter(name=name).values_list("pk", flat=True).first()


def _needed(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns without those that stand there already: an index fits what is left."""
    found: dict[str, Column] = {}
    for column in columns:
        found.setdefault(column.name, column)
    return tuple(found.values())


def split_prompts(clauses: list[Clause]) -> tuple[list[Clause], bool]:
    """Return the other clauses, and whether the prompt tag was asked for: `= 'true'` or `!= 'false'`."""
    others = [clause for clause in clauses if (clause.kind, clause.key) != ("tag", names.PROMPT_TAG)]
    wanted = {("=", "true"), ("!=", "false")}
    asked = [(c.operator, str(c.value).lower()) for c in clauses if (c.kind, c.key) == ("tag", names.PROMPT_TAG)]
    return others, any(pair in wanted for pair in asked)


def beside(rows: type[Model], owner: str, *, column: str = "value") -> Related:
    """Return how to compare a key that is a row of `rows`, owned by the row searched; an absent key never matches."""

    def related(key: str, operator: str, value: Value) -> Exists | Q:
        return held(rows._default_manager.filter(**{owner: OuterRef("pk")}, key=key), column, operator, value)

    return related


def held(rows: QuerySet[Any], column: str, operator: str, value: Value) -> Exists | Q:
    """Return whether there is one of `rows`, whose `column` compares so with `value`; or, for IS NULL, none at all."""
    if operator in NULLS:
        return Q(Exists(rows)) if operator == "IS NOT NULL" else ~Q(Exists(rows))
    return Exists(rows.filter(comparison(column, operator, value)))


def version_tag(key: str, operator: str, value: Value) -> Q | Exists:
    """Compare a version's tag; its semantic number is one, though kept in a column.

    A tag that few versions have is where the search begins; one that many have is looked for on the way.
    """
    if key == names.SEMVER_TAG:
        none = Q(semver="")
        return none if operator == "IS NULL" else ~none & comparison("semver", operator, value)
    if operator == "=" and isinstance(value, str):
        held = VersionTag.objects.filter(key=key, start=value[:TAG_START], value=value)
        found = list(held.values_list("version", flat=True)[: FEW + 1])
        if len(found) <= FEW:
            return Q(pk__in=found)
    return beside(VersionTag, "version")(key, operator, value)


def inside(column: str) -> Related:
    """Return how to compare a key of the JSON object in `column`; an absent key never matches."""

    def related(key: str, operator: str, value: Value) -> Q:
        if not names.TAG_KEY.match(key):
            raise Invalid(f"Invalid key in filter: '{key[:80]}'", field="filter")
        text = KeyTextTransform(key, column)
        if operator in NULLS:
            return Q(IsNull(text, operator == "IS NULL"))
        lookup = TextField().get_lookup(LOOKUPS[{"!=": "="}.get(operator, operator)])
        found = Q(lookup(text, value))  # type: ignore[misc]
        return Q(IsNull(text, False)) & (~found if operator == "!=" else found)

    return related


def condition(clause: Clause, fields: Mapping[str, Field], related: Mapping[str, Related], text: str) -> Q | Exists:
    """Return the clause as a condition on a field of the table, or on what stands beside it by kind."""
    known = fields.get(clause.key) if clause.kind == "attribute" else None
    if clause.kind == "attribute" and known is None:
        raise unknown(clause, fields, related, text)
    if clause.kind != "attribute" and clause.kind not in related:
        raise bad_filter(text, clause.place, f"there is no {clause.kind} here")
    operators = known.operators if known else BESIDE[clause.kind]
    if clause.operator not in operators:
        raise bad_filter(text, clause.place, f"{clause.key[:80]} is compared by {', '.join(sorted(operators))}")
    value = _value(clause, known, operators, text)
    if known is None:
        return related[clause.kind](clause.key, clause.operator, value)
    if isinstance(value, datetime) and known.moment:
        return _within(known.path, clause.operator, value)
    return comparison(known.path, clause.operator, value)


def unknown(clause: Clause, fields: Iterable[str], related: Iterable[str], text: str) -> Invalid:
    """Return the refusal of a name that is no field, with the names that are."""
    known = [*sorted(fields), *(f"{kind}s.KEY" for kind in sorted(related))]
    return bad_filter(text, clause.place, f"{clause.key[:80]} is not searched by; {', '.join(known)} are")


def _within(path: str, operator: str, moment: datetime) -> Q:
    """Compare the millisecond of the moment that is kept."""
    after, before = Q(**{f"{path}__gte": moment + MILLISECOND}), Q(**{f"{path}__lt": moment})
    found = {">": after, ">=": ~before, "<": before, "<=": ~after, "=": ~before & ~after, "!=": before | after}
    return found[operator]


def _value(clause: Clause, known: Field | None, operators: frozenset[str], text: str) -> Value | datetime:
    if operators == TIME or (known and known.moment):
        return _moment(clause, text)
    if operators == NUMBER:
        return _number(clause, text, known)
    if isinstance(clause.value, (int, float)):
        raise bad_filter(text, clause.place, f"{clause.key[:80]} is compared with a value in quotes")
    if known and known.choices and "LIKE" not in clause.operator:
        return _chosen(clause, known.choices, text)
    return clause.value


def comparison(path: str, operator: str, value: Value | datetime) -> Q:
    """Return `path operator value`."""
    if operator in NULLS:
        return Q(**{f"{path}__isnull": operator == "IS NULL"})
    if operator in {"!=", "NOT IN"}:
        return ~comparison(path, "=" if operator == "!=" else "IN", value)
    return Q(**{f"{path}__{LOOKUPS[operator]}": value})


def address(*parts: str) -> Concat:
    """Return the address of files as a column, made of columns by name and of what lies between them as it stands."""
    words = [Constant(part) if part.startswith("/") else Cast(part, TextField()) for part in parts]
    return Concat(Constant("mlflow-artifacts:/"), *words, output_field=TextField())


def orders(entries: Iterable[str], known: Mapping[str, str]) -> list[Column]:
    """Return the columns to order by; raise Invalid for one that `known` lacks or that stands twice."""
    found: dict[str, Column] = {}
    for entry in entries:
        order = parse_order(entry, KINDS)
        path = known.get(order.key) if order.kind == "attribute" else None
        if path is None or path in found:
            raise Invalid(
                f"Invalid order_by clause '{entry[:200]}'. The columns are {', '.join(known)}, each once.",
                field="order_by",
            )
        found[path] = Column(path, order.descending)
    return list(found.values())


def _chosen(clause: Clause, choices: tuple[str, ...], text: str) -> Value:
    """Return the value as it is kept, whatever its case."""
    kept = {choice.lower(): choice for choice in choices}
    said = clause.value if isinstance(clause.value, tuple) else (str(clause.value),)
    if any(value.lower() not in kept for value in said):
        raise bad_filter(text, clause.place, f"{clause.key[:80]} is one of {', '.join(choices)}")
    found = tuple(kept[value.lower()] for value in said)
    return found if isinstance(clause.value, tuple) else found[0]


def _moment(clause: Clause, text: str) -> datetime:
    """Read milliseconds since 1970, or ISO 8601, in UTC where it names no zone."""
    try:
        if isinstance(clause.value, (int, float)):
            return datetime.fromtimestamp(clause.value / 1000, tz=UTC)
        moment = datetime.fromisoformat(str(clause.value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as why:
        raise bad_filter(text, clause.place, "a moment is written as '2026-11-24' or '2026-11-24T15:00'") from why


def _number(clause: Clause, text: str, known: Field | None) -> float:
    """Return the number compared with: what a column of 64 bits holds or, of a metric, any but NaN."""
    whole = bool(known and known.whole)
    wanted = bad_filter(text, clause.place, f"{clause.key[:80]} is compared with a {'whole ' if whole else ''}number")
    value = clause.value
    if isinstance(value, tuple) or (whole and isinstance(value, float)):
        raise wanted
    try:
        number = int(value) if whole else float(value)
    except (ValueError, OverflowError) as why:
        raise wanted from why
    if number != number or (known and abs(number) >= 2**63):  # noqa: PLR0124 - NaN
        raise wanted
    return number
