"""Reads a Parquet file in a process of its own: `python -m monitoring.parquet PATH COLUMN...` prints a JSON line a row.

A file is anybody's, and its reader is not Python: what it breaks, or eats, is this process and no other.
"""

import json
import resource
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

MEMORY_BYTES = 1536 * 2**20  # of addresses; what is held at once is a tenth of it
CPU_S = 300
AT_ONCE = 2_000
CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "256MB",
    "threads": 1,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def main(path: str, wanted: Sequence[str]) -> int:
    """Print the columns that the file has, then the `wanted` ones of each row; return 2, saying why, where it is none.

    Columns are found by their names in small letters.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    try:
        _print(path, wanted)
    except (duckdb.Error, MemoryError) as why:
        sys.stderr.write(str(why).strip().partition("\n")[0])
        return 2
    return 0


def _print(path: str, wanted: Sequence[str]) -> None:
    base = _closed(path)
    columns = [str(row[0]) for row in base.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()]
    sys.stdout.write(f"{json.dumps(columns)}\n")
    by_name = {column.strip().lower(): column for column in columns}
    if not (names := [by_name[name] for name in wanted if name in by_name]):
        return
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    rows = base.execute(f"SELECT {listed} FROM read_parquet(?)", [path])  # noqa: S608 - names of the file, quoted
    while some := rows.fetchmany(AT_ONCE):
        sys.stdout.writelines(json.dumps(row, default=_plain) + "\n" for row in some)


def _closed(path: str) -> duckdb.DuckDBPyConnection:
    """Return a database that can open this file and nothing else."""
    base = duckdb.connect(config=CLOSED)
    quoted = path.replace("'", "''")
    base.execute(f"SET allowed_paths = ['{quoted}']")
    base.execute("SET enable_external_access = false")
    base.execute("SET lock_configuration = true")
    return base


def _plain(value: Any) -> Any:
    """Return what JSON does not know in what it knows; the rest by the name of its type, which is no label."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return {"type": type(value).__name__}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
