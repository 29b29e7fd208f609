"""Pages of a list by key, never by offset: `before` goes to older rows, `after` back to newer ones."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.preferences import ROWS, preferences_of
from core.refusals import Invalid
from web.actors import actor_of

COUNT_UP_TO = 10_000


@dataclass(frozen=True)
class Listed:
    """The rows of one page, newest first, and the addresses of its neighbours ("" where there is none)."""

    rows: list[Any]
    newer: str
    older: str


def key_of(request: HttpRequest, name: str) -> int | None:
    """Return a key of the query string; raise Invalid for what is none."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - fits 64 bits
        raise Invalid(f"{name} is not a place in this list.", field=name)
    return int(text)


def address(request: HttpRequest, **change: object) -> str:
    """Return this page's address with other query values; None takes one away."""
    query = {name: values for name, values in request.GET.lists() if name not in change}
    query |= {name: [str(value)] for name, value in change.items() if value is not None}
    return f"{request.path}?{urlencode(query, doseq=True)}" if query else request.path


def listed(request: HttpRequest, rows: QuerySet[Any], key: str) -> Listed:
    """Return a page of `rows` by the whole-number column `key`, falling."""
    before, after, size = key_of(request, "before"), key_of(request, "after"), size_of(request)
    if after is not None:
        found = list(rows.filter(**{f"{key}__gt": after}).order_by(key)[: size + 1])
        more, found = len(found) > size, found[:size][::-1]
        newer, older = more, bool(found)
    else:
        found = list(
            (rows.filter(**{f"{key}__lt": before}) if before is not None else rows).order_by(f"-{key}")[: size + 1]
        )
        more, found = len(found) > size, found[:size]
        newer, older = before is not None and bool(found), more
    return Listed(
        found,
        address(request, after=getattr(found[0], key), before=None) if newer and found else "",
        address(request, before=getattr(found[-1], key), after=None) if older and found else "",
    )


def size_of(request: HttpRequest) -> int:
    """Return how many rows the reader wants: as `per` says, else as she chose; raise Invalid for another number."""
    wish = request.GET.get("per", "")
    if not wish:
        return preferences_of(actor_of(request).user).rows
    if wish not in {str(size) for size in ROWS}:
        raise Invalid(f"A page has {', '.join(map(str, ROWS[:-1]))} or {ROWS[-1]} rows.", field="per")
    return int(wish)


def counted(rows: QuerySet[Any], what: str) -> str:
    """Return an exact count in words, or that there are more than are worth counting."""
    number = rows.order_by()[: COUNT_UP_TO + 1].count()
    if number > COUNT_UP_TO:
        return f"{COUNT_UP_TO:,}+ {what}s"
    return f"{number:,} {what}{'' if number == 1 else 's'}"
