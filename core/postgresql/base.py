"""What the server binds has 65,535 parameters a statement at most; whether it is there is seen without asking it."""

import select
from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql import base, operations

PARAMETERS = 2**16 - 1


class DatabaseOperations(operations.DatabaseOperations):
    """Knows how many rows go into one statement."""

    def bulk_batch_size(self, fields: Sequence[Any], objs: Sequence[Any]) -> int:
        """Return how many of `objs`, with a parameter for each of `fields`, one statement takes."""
        return PARAMETERS // len(fields) if fields else len(objs)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to PostgreSQL."""

    ops_class = DatabaseOperations

    def is_usable(self) -> bool:
        """Return whether a request can go on with this connection.

        A server that ended it has said so, or closed its side: there is something to read. While there is nothing,
        and nothing went wrong, asking would cost each request a trip and tell no more than its first statement does.
        """
        return (not self.errors_occurred and self._silent()) or super().is_usable()

    def _silent(self) -> bool:
        raw: Any = self.connection
        if raw is None or raw.closed:
            return False
        heard = select.poll()  # select() takes no descriptor over 1,023
        heard.register(raw.fileno(), select.POLLIN)
        return not heard.poll(0)
