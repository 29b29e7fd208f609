"""Where an imported row came from."""

from dataclasses import dataclass
from datetime import UTC, datetime

from accounts.models import User


@dataclass(frozen=True)
class Origin:
    """The moments and number a row had on the server it was copied from, and what else that server said of it.

    All of it is that server's word: nobody here saw it happen.
    """

    created_ms: int
    updated_ms: int
    facts: dict[str, object]
    number: int = 0
    author: User | None = None  # whoever ran the training there, where she is known here

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """When it was created and last changed there."""
        return moment(self.created_ms), moment(max(self.created_ms, self.updated_ms))

    @property
    def as_facts(self) -> dict[str, object]:
        """What the ledger keeps."""
        return {"imported": self.facts}


def moment(ms: int) -> datetime:
    """Return the moment `ms` milliseconds after 1970."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
