"""What an intruder with the owner's rights would do."""

from django.db import connection

from audit import triggers


def unguarded(*statements: str) -> None:
    """Drop the guards, then change rows."""
    with connection.cursor() as cursor:
        for name in triggers.expected_triggers(connection.vendor):
            table = name.rsplit("_no_", 1)[0]
            cursor.execute(
                f"DROP TRIGGER {name}" if connection.vendor == "sqlite" else f"DROP TRIGGER {name} ON {table}"
            )
        for statement in statements:
            cursor.execute(statement)
