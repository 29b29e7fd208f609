"""Pages of a listing by key: a page begins after the last row of the one before, whatever was written in between.

The token carries that row's values of the ordering columns and a digest of what was asked, signed; opaque to callers.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.core import signing
from django.db.models import F, Model, OrderBy, Q, QuerySet
from django.db.models.expressions import Combinable

from core.refusals import Invalid

T = TypeVar("T")
M = TypeVar("M", bound=Model)
SIGNER = signing.Signer(salt="registry.paging")
ABOUT_CHARACTERS = 16


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows and the token of the next page, empty on the last one."""

    rows: list[T]
    next_token: str = ""


class Column(NamedTuple):
    """A column that a listing is ordered by: its name and, where that is no path, how it is had. Nulls come last."""

    name: str
    descending: bool = False
    computed: Combinable | None = None
    nullable: bool = False

    @property
    def value(self) -> Combinable:
        """Return it as an expression."""
        return F(self.name) if self.computed is None else self.computed


def by(*names: str) -> tuple[Column, ...]:
    """Return plain columns; a minus before the name means falling."""
    return tuple(Column(name.removeprefix("-"), name.startswith("-")) for name in names)


@dataclass(frozen=True)
class Listing:
    """What is listed, in words that differ where the rows may; by which columns, the last of them unique; how many."""

    about: Sequence[object]
    columns: Sequence[Column]
    size: int
    token: str = ""

    @property
    def start(self) -> list[Any] | None:
        """Return the ordering values after which this page begins, None on the first; raise Invalid for a bad token."""
        if not self.token:
            return None
        try:
            about, values = SIGNER.unsign_object(self.token)
        except (signing.BadSignature, ValueError) as why:
            raise Invalid("Invalid page token: this server never gave it out.", field="page_token") from why
        if about != self.digest:
            raise Invalid(
                "Invalid page token: it belongs to another search.",
                next_step="Send the filter and the order it came with, or begin again without a token.",
                field="page_token",
            )
        return list(values)

    @property
    def digest(self) -> str:
        """Return what tells this listing from others."""
        said = [*self.about, *([column.name, column.descending] for column in self.columns)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:ABOUT_CHARACTERS]

    def page(self, found: list[T], values: Callable[[T], Sequence[object]]) -> Page[T]:
        """Return the page of `found`, which has a row more than the size where there is a next page."""
        if len(found) <= self.size:
            return Page(found)
        last = [_plain(value) for value in values(found[self.size - 1])]
        return Page(found[: self.size], SIGNER.sign_object((self.digest, last)))


def page(rows: QuerySet[M], listing: Listing) -> Page[M]:
    """Return the page of `rows`; one row more is read to know whether there is a next one."""
    keyed = _after(rows, listing)
    return listing.page(list(keyed[: listing.size + 1]), lambda row: [getattr(row, key) for key in _keys(listing)])


def page_of_keys(rows: QuerySet[M], listing: Listing) -> Page[int]:
    """Return the page of the primary keys of `rows`."""
    keyed = _after(rows, listing).values_list("pk", *_keys(listing))
    found: Page[Any] = listing.page(list(keyed[: listing.size + 1]), lambda row: row[1:])
    return Page([row[0] for row in found.rows], found.next_token)


def check_size(asked: int | None, *, default: int, limit: int, field: str = "max_results") -> int:
    """Return the page size; raise Invalid outside 1 to `limit`."""
    size = default if asked is None else asked
    if not 1 <= size <= limit:
        raise Invalid(f"Invalid value {size} for parameter '{field}' supplied: it is 1 to {limit}.", field=field)
    return size


def _keys(listing: Listing) -> list[str]:
    return [f"key_{place}" for place in range(len(listing.columns))]


def _after(rows: QuerySet[M], listing: Listing) -> QuerySet[M]:
    """Return `rows` in order, each with its ordering values, from where the page begins."""
    keys = _keys(listing)
    rows = rows.annotate(**{key: column.value for key, column in zip(keys, listing.columns, strict=True)})
    start = listing.start
    if start is not None:
        rows = rows.filter(_later(list(zip(keys, listing.columns, start, strict=True))))
    return rows.order_by(*(_order(key, column) for key, column in zip(keys, listing.columns, strict=True)))


def _order(key: str, column: Column) -> OrderBy:
    return OrderBy(F(key), descending=column.descending, nulls_last=True if column.nullable else None)


def _later(columns: list[tuple[str, Column, Any]]) -> Q:
    """Return what holds of rows after these values: later by the first column, or the same and later by the rest."""
    (key, column, value), *rest = columns
    way = "lt" if column.descending else "gt"
    if value is None:
        return Q(**{f"{key}__isnull": True}) & _later(rest)
    later = Q(**{f"{key}__{way}": value})
    if rest:
        later |= Q(**{key: value}) & _later(rest)
    if column.nullable:
        return later | Q(**{f"{key}__isnull": True})
    return Q(**{f"{key}__{way}e": value}) & later  # says nothing more, but an index begins there


def _plain(value: object) -> object:
    """Return `value` as JSON keeps it and as a query takes it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, (int, float, str)) else str(value)
