"""`grant_app_role ROLE`: on PostgreSQL, let the app's role work, and on the ledger read and add only."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from audit.triggers import GUARDED

GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    # Tables that a later migration makes.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}",
)
ON_THE_LEDGER = ("REVOKE ALL ON {ledger} FROM PUBLIC, {role}", "GRANT SELECT, INSERT ON {ledger} TO {role}")
OWNS = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE relname = ANY(%s)"
CAN_CHANGE = """
    SELECT pg_has_role(%(role)s, relowner, 'MEMBER')
        OR has_table_privilege(%(role)s, oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES')
    FROM pg_class WHERE oid = %(table)s::regclass
"""


class Command(BaseCommand):
    """Connects as the owner of the tables: SIGNOFF_MIGRATE_DATABASE_URL."""

    help = "Give a PostgreSQL role what the app needs: on the ledger SELECT and INSERT only. Run it after migrate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the words of the command line."""
        parser.add_argument("role", help="the role of SIGNOFF_DATABASE_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant all or nothing."""
        role = options["role"]
        if connection.vendor != "postgresql":
            raise CommandError("SQLite has no roles. Set SIGNOFF_MIGRATE_DATABASE_URL to the owner's address.")
        with transaction.atomic(), connection.cursor() as cursor:
            _require_owner(cursor)
            _require_role(cursor, role)
            _grant(cursor, role, GRANTS + ON_THE_LEDGER)
            _require_harmless(cursor, role)
        for name in set(connections) - {DEFAULT_DB_ALIAS}:
            with connections[name].cursor() as cursor:
                _grant(cursor, role, GRANTS)
        self.stdout.write(f"{role} reads and adds to {', '.join(GUARDED)}; it reads and writes the other tables.")


def _require_owner(cursor: CursorWrapper) -> None:
    """Refuse anyone else: PostgreSQL would grant nothing, with no more than a warning."""
    cursor.execute(
        "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE relname = ANY(%s)", [[*GUARDED]]
    )
    owns = cursor.fetchone()[0]
    if owns is None:
        raise CommandError("There is no ledger yet. Run `migrate` first.")
    if not owns:
        raise CommandError("Only the owner of the tables can grant. Set SIGNOFF_MIGRATE_DATABASE_URL to her address.")


def _require_role(cursor: CursorWrapper, role: str) -> None:
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    if cursor.fetchone() is None:
        raise CommandError(f"There is no role {role}. As a superuser: CREATE ROLE {role} LOGIN PASSWORD '…'")


def _grant(cursor: CursorWrapper, role: str, statements: tuple[str, ...]) -> None:
    cursor.execute("SELECT current_schema()")
    names = {
        "role": sql.Identifier(role),
        "schema": sql.Identifier(cursor.fetchone()[0]),
        "ledger": sql.SQL(", ").join(map(sql.Identifier, GUARDED)),
    }
    for statement in statements:
        cursor.execute(sql.SQL(statement).format(**names))


def _require_harmless(cursor: CursorWrapper, role: str) -> None:
    """Refuse a role whose other powers make the grants idle."""
    for table in GUARDED:
        cursor.execute(CAN_CHANGE, {"role": role, "table": table})
        if cursor.fetchone()[0]:
            raise CommandError(
                f"{role} could still change {table}: it is a superuser, owns the table, or belongs to a role that may. "
                "Nothing was granted. Use a role of its own."
            )
