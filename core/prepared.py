"""Querysets that every write asks: their SQL is made once, which took Django several times what running it does."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

Make = Callable[..., QuerySet[Any, Any]]
Place = tuple[int | None, Any]  # which of the values stands there, or what always does
MARKS: dict[type, Callable[[int], object]] = {
    int: lambda place: 7_316_000_000_000_000_000 + place,  # a key no row has
    str: lambda place: f"\ue000the value of place {place}\ue001",
}


class Prepared:
    """The rows of a queryset of values, for values that are given at each call.

    `make` gets as many values as there are `kinds`, each int or str, and uses each in a look-up as it is: nothing of
    what else it asks for may depend on them or on the time. Safe from several threads.
    """

    def __init__(self, make: Make, *kinds: type) -> None:
        self.make, self.kinds = make, kinds

    def __call__(self, *values: int | str) -> list[tuple[Any, ...]]:
        """Return the rows as the queryset would."""
        sql, places, converters, compiler = _made(self, connection.vendor)
        asked = [fixed if place is None else values[place] for place, fixed in places]
        with connection.cursor() as cursor:
            cursor.execute(sql, asked)
            rows = cursor.fetchall()
        return [tuple(row) for row in compiler.apply_converters(rows, converters)] if converters else rows


@cache
def _made(asked: Prepared, vendor: str) -> tuple[str, list[Place], Any, Any]:
    del vendor  # it is a key of the cache
    marks = [MARKS[kind](place) for place, kind in enumerate(asked.kinds)]
    compiler: Any = asked.make(*marks).query.get_compiler("default")
    sql, params = compiler.as_sql()
    places: list[Place] = [(marks.index(param), None) if param in marks else (None, param) for param in params]
    if {place for place, _ in places if place is not None} != set(range(len(marks))):
        raise ValueError(f"A value is not asked for as it is: {sql}")
    converters = compiler.get_converters([expression for expression, _, _ in compiler.select])
    return sql, places, converters, compiler
