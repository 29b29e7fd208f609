"""`manage.py migrate`: both databases at once, the telemetry schema made first where there is PostgreSQL."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import connections

from config.databases import TELEMETRY
from core import schema


class Command(migrate.Command):
    """Django's, for both databases unless `--database` names one."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Without `--database`: all of them."""
        super().add_arguments(parser)
        parser.set_defaults(database=None)

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        """Check the databases that are migrated."""
        return {**super().get_check_kwargs(options), "databases": _chosen(options)}

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate what was chosen."""
        for name in _chosen(options):
            if name != TELEMETRY:
                super().handle(*args, **{**options, "database": name})
                continue
            _make_schema()
            for label in schema.apps_of(name):  # not the steps of tables that lie elsewhere: they cost as much
                if options["app_label"] in {None, label}:
                    super().handle(*args, **{**options, "database": name, "app_label": label, "run_syncdb": False})


def _chosen(options: dict[str, Any]) -> list[str]:
    return [options["database"]] if options["database"] else ["default", TELEMETRY]


def _make_schema() -> None:
    if connections[TELEMETRY].vendor == "postgresql":
        with connections[TELEMETRY].cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {TELEMETRY}")
