"""The minutes that observations fall in, and which of them are open: told of by no snapshot yet."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from core import clock
from monitoring.models import OpenWindow

WINDOW_S = 60
GRACE_S = 15  # what a window holds has come by then; what comes later opens it again


def minute_of(moment: datetime) -> int:
    """Return the minute since 1970 that holds `moment`."""
    return int(moment.timestamp() // WINDOW_S)


def start_of(minute: int) -> datetime:
    """Return when a minute begins."""
    return datetime.fromtimestamp(minute * WINDOW_S, UTC)


def last_over() -> int:
    """Return the last minute that can be closed now."""
    return minute_of(clock.now() - timedelta(seconds=WINDOW_S + GRACE_S))


def last_told(endpoint: str) -> int:
    """Return the last minute that a snapshot tells of: the one before, while the last that can be closed is open."""
    minute = last_over()
    return minute - OpenWindow.objects.filter(endpoint=endpoint, minute=minute).exists()


def reopen(observed: Iterable[tuple[str, datetime]]) -> None:
    """Open the windows of these (endpoint, moment). Call inside the transaction that stores what was observed.

    An open row is written again: who closes the window waits for that transaction, and so sees what it stored.
    """
    now = clock.now()
    windows = sorted({(endpoint, minute_of(moment)) for endpoint, moment in observed})
    OpenWindow.objects.bulk_create(
        [OpenWindow(endpoint=endpoint, minute=minute, touched_at=now) for endpoint, minute in windows],
        update_conflicts=True,
        unique_fields=["endpoint", "minute"],
        update_fields=["touched_at"],
    )
