"""Reads and writes single rows by plain statements that are made once.

Django's ORM builds its SQL anew at each call, which takes several times as long as running it. What clients call all
day goes through here; field types, conversion and constraints stay the model's.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    QuerySet,
    TextField,
)
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

M = TypeVar("M", bound=Model)
# What our code sets is of the column's own type already, and no database keeps it otherwise.
PLAIN = {
    AutoField, BigAutoField, BigIntegerField, BooleanField, CharField, IntegerField, PositiveBigIntegerField,
    PositiveIntegerField, PositiveSmallIntegerField, TextField,
}  # fmt: skip
if TYPE_CHECKING:
    AnyField = Field[Any, Any]
else:
    AnyField = Field  # Django subscripts it in stubs only


def find(model: type[M], where: str, values: Sequence[Any], *, lock: bool = False) -> M | None:
    """Return the first row of `model` that fits `where`, a constant piece of SQL, or None.

    `lock` keeps it for this transaction. SQLite, which has one writer at a time, needs no word for that.
    """
    ending = " FOR UPDATE" if lock and connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"{_select(model)} WHERE {where} LIMIT 1{ending}", values)
        row = cursor.fetchone()
    if row is None:
        return None
    names, converters = _shape(model, connection.vendor)
    if converters:
        (row,) = _compiler(model).apply_converters([row], converters)
    return model.from_db("default", names, row)


def counts(*querysets: QuerySet[Any]) -> list[int]:
    """Return how many rows each of `querysets` has, by one statement; unions count too."""
    columns, values = [], []
    for rows in querysets:
        try:
            sql, params = rows.order_by().query.get_compiler("default").as_sql()
        except EmptyResultSet:
            columns.append("0")
            continue
        columns.append(f"(SELECT COUNT(*) FROM ({sql}) counted)")  # noqa: S608 - Django's own SQL
        values += params
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(columns)}", values)
        return list(cursor.fetchone())


def insert(row: Model, computed: tuple[tuple[str, str], ...] = ()) -> None:
    """Insert `row`; its key is set where the database gives it.

    `computed` names fields with the constant SQL that the database takes their values from; `row` does not learn them.
    """
    model, with_key, theirs = type(row), row.pk is not None, {name for name, _ in computed}
    parts = _parts(model, with_key=with_key)
    values = [
        getattr(row, name) if field is None else field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for name, field in parts
        if name not in theirs
    ]
    with connection.cursor() as cursor:
        cursor.execute(_insert(model, computed, with_key=with_key), values)
        row.pk = cursor.fetchone()[0]
    row._state.adding, row._state.db = False, "default"


def update(row: Model, *names: str) -> None:
    """Write the fields `names` of `row`."""
    fields = [cast("AnyField", row._meta.get_field(name)) for name in names]
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_update(type(row), names), [*values, row.pk])


@cache
def _select(model: type[Model]) -> str:
    columns = ", ".join(_quoted(field) for field in model._meta.concrete_fields)
    return f"SELECT {columns} FROM {model._meta.db_table} m"  # noqa: S608 - names of our own


@cache
def _written(model: type[Model], *, with_key: bool) -> list[AnyField]:
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    return [field for field in fields if with_key or not field.primary_key]


@cache
def _parts(model: type[Model], *, with_key: bool) -> list[tuple[str, AnyField | None]]:
    """Return the names of what is written, with its field where a value is not written as it is."""
    return [(field.attname, None if _is_plain(field) else field) for field in _written(model, with_key=with_key)]


def _is_plain(field: Any) -> bool:
    target = field.target_field if field.is_relation else field
    return type(target) in PLAIN and (field is target or isinstance(field, ForeignKey))


@cache
def _insert(model: type[Model], computed: tuple[tuple[str, str], ...], *, with_key: bool) -> str:
    fields, theirs = _written(model, with_key=with_key), dict(computed)
    own = [field for field in fields if field.name not in theirs]
    columns = ", ".join(_quoted(field) for field in [*own, *(f for f in fields if f.name in theirs)])
    places = ", ".join([*("%s" for _ in own), *(theirs[f.name] for f in fields if f.name in theirs)])
    key = _quoted(model._meta.pk)
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({places}) RETURNING {key}"  # noqa: S608 - as above


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> str:
    said = ", ".join(f"{_quoted(model._meta.get_field(name))} = %s" for name in names)
    return f"UPDATE {model._meta.db_table} SET {said} WHERE {_quoted(model._meta.pk)} = %s"  # noqa: S608 - as above


def _quoted(field: Any) -> str:
    return f'"{field.column}"'


@cache
def _shape(model: type[Model], vendor: str) -> tuple[list[str], dict[int, Any]]:
    """Return the names of a row's values, and how those are converted that are not kept as they are."""
    del vendor  # it is a key of the cache
    fields = model._meta.concrete_fields
    columns: list[Any] = [field.get_col(model._meta.db_table) for field in fields]
    return [field.attname for field in fields], _compiler(model).get_converters(columns)


def _compiler(model: type[Model]) -> SQLCompiler:
    return cast("SQLCompiler", Query(model).get_compiler("default"))
