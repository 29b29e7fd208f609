"""SQLite commits of several writers, on the disk together.

With `synchronous=FULL` a commit waits for the disk while it holds the write lock: writers queue for it one by one.
Here a transaction is committed under `synchronous=NORMAL`, which does not wait; then the lock is free, the write-ahead
log is flushed, and only then does the caller go on. What one writer flushes, others find flushed. A statement outside
of a transaction keeps `FULL`. So whatever was answered is on the disk. What others saw some milliseconds earlier may
be lost in a power cut, as what was never answered; `settle` waits for that too.
"""

import os
from pathlib import Path
from typing import Any

from django.db import OperationalError, connections
from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that flushes after its transactions, while others write."""

    transaction_mode: str | None
    _log: int | None = None

    def settle(self) -> None:
        """Return when everything that any connection committed so far is on the disk; again costs next to nothing.

        Raises OperationalError where the disk refuses. Does nothing for a database in memory, or without a log.
        """
        try:
            if self._log is None:
                path = Path(f"{self.settings_dict['NAME']}-wal")
                if not path.is_file():
                    return
                self._log = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # SQLite's locks are on another file
            os.fdatasync(self._log)
        except OSError as why:
            raise OperationalError(f"What was committed cannot be flushed: {why.strerror}") from why

    def _start_transaction_under_autocommit(self) -> None:
        if self.transaction_mode == "IMMEDIATE":
            self._wait_for_disk("NORMAL")
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # Django has it, its stubs do not
        except BaseException:
            self._wait_for_disk("FULL")
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]  # same
        self._wait_for_disk("FULL")
        if self.transaction_mode == "IMMEDIATE":
            self.settle()

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]  # same
        self._wait_for_disk("FULL")

    def _close(self) -> None:
        super()._close()  # type: ignore[misc]  # same
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def _wait_for_disk(self, level: str) -> None:
        """Say whether SQLite itself waits; it takes no such word inside a transaction."""
        raw: Any = self.connection
        if raw is not None and not raw.in_transaction:
            raw.execute(f"PRAGMA synchronous={level}")


def settle() -> None:
    """Wait until what can be read is on the disk, too. PostgreSQL shows nothing earlier."""
    default = connections["default"]
    if isinstance(default, DatabaseWrapper):
        default.settle()
