"""Database connections: SQLite in the home, or PostgreSQL by address."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

SQLITE_START = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON; PRAGMA cache_size=-16000;"
)


def sqlite(path: Path) -> dict[str, object]:
    """Return Django's settings for a SQLite file that several processes write.

    IMMEDIATE takes the write lock at BEGIN, so read-then-write cannot fail half-way; recursive_triggers
    makes INSERT OR REPLACE fire the ledger's delete trigger.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_START},
    }


def postgresql(address: str) -> dict[str, object]:
    """Return Django's settings for a postgresql:// address."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": query,
    }


def chosen(url: str, home: Path) -> dict[str, object]:
    """Return the settings of the default database."""
    return postgresql(url) if url else sqlite(home / "signoff.sqlite3")
