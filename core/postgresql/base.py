"""Parameters that the server binds are 65,535 a statement at most: what makes many rows makes them in parts."""

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
