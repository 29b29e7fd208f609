"""A throw-away copy of the migrated test database, for tests that commit."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper


@contextlib.contextmanager
def copied_database(connection: BaseDatabaseWrapper, folder: Path, name: str) -> Iterator[None]:
    """Point `connection` at a copy of its database while the block runs."""
    template = connection.settings_dict["NAME"]
    connection.close()
    copy = (
        _copy_file(template, folder / f"{name}.sqlite3")
        if connection.vendor == "sqlite"
        else _copy_schema(connection, template, f"copy_{name}")
    )
    connection.settings_dict["NAME"] = copy
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = template
        if connection.vendor == "postgresql":
            _administer(connection, f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')


def _copy_file(template: str, copy: Path) -> str:
    shutil.copyfile(template, copy)
    for ending in ("-wal", "-shm"):
        if Path(template + ending).exists():
            shutil.copyfile(template + ending, str(copy) + ending)
    return str(copy)


def _copy_schema(connection: BaseDatabaseWrapper, template: str, copy: str) -> str:
    _administer(connection, f'CREATE DATABASE "{copy}" TEMPLATE "{template}"')
    return copy


def _administer(connection: BaseDatabaseWrapper, statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
