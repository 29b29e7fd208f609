"""The guards that make the ledger append-only, for both databases. Migration 0002 installs them."""

GUARDED = {"audit_event": ("id",), "audit_seal": ("seq", "event_id"), "audit_checkpoint": ("size",)}
SENTENCE = "the ledger is append-only"


def expected_triggers(vendor: str) -> list[str]:
    """Return the names of all guards on `vendor`."""
    kinds = ("no_update", "no_delete", "no_replace") if vendor == "sqlite" else ("no_change", "no_truncate")
    return [f"{table}_{kind}" for table in GUARDED for kind in kinds]


def statements(vendor: str) -> list[str]:
    """Return the SQL that installs the guards; running it again changes nothing."""
    return _sqlite() if vendor == "sqlite" else _postgresql()


def _sqlite() -> list[str]:
    found = []
    for table, keys in GUARDED.items():
        found += [
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{event} BEFORE {event.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
            for event in ("update", "delete")
        ]
        same = " OR ".join(f"{key} = NEW.{key}" for key in keys)
        known = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - names from the table above
        found.append(
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} WHEN {known} "
            f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
        )
    return found


def _postgresql() -> list[str]:
    found = [
        (
            "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{SENTENCE}'; END $$"
        )
    ]
    for table in GUARDED:
        for name, when, each in (("no_change", "UPDATE OR DELETE", "ROW"), ("no_truncate", "TRUNCATE", "STATEMENT")):
            found.append(
                f"CREATE OR REPLACE TRIGGER {table}_{name} BEFORE {when} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION audit_refuse()"
            )
            found.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")
    return found
