"""Search calls: what is asked for, and a page of it."""

from collections.abc import Sequence
from typing import Any

from registry.paging import Page
from registry.search import Asked
from web.mlflow.fields import Fields
from web.mlflow.render import shape
from web.mlflow.wire import Json


def asked(fields: Fields) -> Asked:
    """Return filter, order, size and token."""
    return Asked(
        filter=fields.text("filter"),
        order_by=tuple(fields.texts("order_by")),
        max_results=fields.whole("max_results"),
        token=fields.text("page_token"),
    )


def paged(name: str, rows: Sequence[Json], page: Page[Any]) -> Json:
    """Return `rows` under `name` with the next page's token; an empty search is an empty object."""
    return shape(**{name: list(rows), "next_page_token": page.next_token or None})
