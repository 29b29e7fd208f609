"""Pages of a listing: the token is base64 of {"offset": N}, opaque to callers and bound to nothing."""

import base64
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from core.refusals import Invalid

T = TypeVar("T")
M = TypeVar("M", bound=Model)
OFFSET_MAX = 2**53


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows and the token of the next page, empty on the last one."""

    rows: list[T]
    next_token: str = ""


def page(rows: QuerySet[M], *, size: int, token: str) -> Page[M]:
    """Return up to `size` rows from where `token` points; one row more is read to know whether there is a next page."""
    start = _offset(token)
    found = list(rows[start : start + size + 1])
    return Page(found[:size], _token(start + size) if len(found) > size else "")


def check_size(asked: int | None, *, default: int, limit: int, field: str = "max_results") -> int:
    """Return the page size; raise Invalid outside 1 to `limit`."""
    size = default if asked is None else asked
    if not 1 <= size <= limit:
        raise Invalid(f"Invalid value {size} for parameter '{field}' supplied: it is 1 to {limit}.", field=field)
    return size


def _token(offset: int) -> str:
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        offset = json.loads(base64.b64decode(token, validate=True))["offset"]
    except (ValueError, KeyError, TypeError, RecursionError) as why:
        raise Invalid("Invalid page token, could not base64-decode", field="page_token") from why
    if type(offset) is not int or not 0 <= offset < OFFSET_MAX:
        raise Invalid("Invalid page token, parsed offset is not a number in range", field="page_token")
    return offset
