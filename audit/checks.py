"""The start check: every guard of the ledger is in place. A SQLite table rebuild drops triggers silently."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import connections

from audit.triggers import GUARDED, expected_triggers


@register("ledger")
def ledger_is_guarded(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Return an error for each missing trigger. Looks only where Django asks for database checks."""
    if not databases or "default" not in databases:
        return []
    missing = missing_triggers()
    if not missing:
        return []
    return [
        Error(
            f"The ledger lost its guards: {', '.join(missing)}.",
            hint="Run `manage.py migrate`, then `manage.py audit_verify`: rows may have been changed.",
            id="audit.E001",
        )
    ]


def has_ledger() -> bool:
    """Whether the ledger's tables are there."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        return set(GUARDED) <= set(connection.introspection.table_names(cursor))


def missing_triggers() -> list[str]:
    """Return the names of guards that should stand on existing ledger tables and do not."""
    connection = connections["default"]
    if not has_ledger():
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')")
        present = {name for (name,) in cursor.fetchall()}
    return sorted(set(expected_triggers(connection.vendor)) - present)
