"""Database connections: SQLite in the home, or PostgreSQL by address."""

from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

from django.db.models import Model

SQLITE_START = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON; PRAGMA cache_size=-16000;"
)


# The server keeps what it is asked often: half of what a call cost it was to read and plan the same statement again.
PREPARED: dict[str, object] = {"server_side_binding": True, "prepare_threshold": 5}
# What is asked here returns a page. To compile it takes 200 ms, and the server does so where it guesses at many rows.
UNCOMPILED = "-c jit=off"
TELEMETRY = "telemetry"
# A power cut may cost the last moments of what was observed, never of what was decided.
TELEMETRY_START = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;"


def sqlite(path: Path, engine: str = "core.sqlite", start: str = SQLITE_START) -> dict[str, object]:
    """Return Django's settings for a SQLite file that several processes write.

    IMMEDIATE takes the write lock at BEGIN, so read-then-write cannot fail half-way; recursive_triggers
    makes INSERT OR REPLACE fire the ledger's delete trigger.
    """
    return {
        "ENGINE": engine,
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": start},
    }


def options(settings: str = "") -> dict[str, object]:
    """Return a connection's options, with the server's `settings` of one's own after ours."""
    return {**PREPARED, "options": f"{UNCOMPILED} {settings}".strip()}


def postgresql(address: str) -> dict[str, object]:
    """Return Django's settings for a postgresql:// address."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "core.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options(query.pop("options", "")) | query,
    }


def chosen(url: str, home: Path) -> dict[str, object]:
    """Return the settings of the default database."""
    return postgresql(url) if url else sqlite(home / "signoff.sqlite3")


def telemetry(url: str, home: Path) -> dict[str, object]:
    """Return the settings of the database of what was observed: a file, or a schema, of its own."""
    if not url:
        return sqlite(home / "telemetry.sqlite3", "django.db.backends.sqlite3", TELEMETRY_START)
    found = postgresql(url)
    said = cast("dict[str, str]", found["OPTIONS"])
    return {**found, "OPTIONS": {**said, "options": f"{said['options']} -c search_path={TELEMETRY}"}}


class Router:
    """What was observed lies in `telemetry`, all else in `default`."""

    def db_for_read(self, model: type[Model], **_: object) -> str:
        """Return where `model` lies."""
        return TELEMETRY if model._meta.app_label == "monitoring" else "default"

    db_for_write = db_for_read

    def allow_relation(self, one: Model, other: Model, **_: object) -> bool:
        """Relations do not leave a database."""
        return (one._meta.app_label == "monitoring") == (other._meta.app_label == "monitoring")

    def allow_migrate(self, db: str, app_label: str, **_: object) -> bool:
        """Each database has its own tables only."""
        return (db == TELEMETRY) == (app_label == "monitoring")
