"""Up to when all evidence is here: what carries it says so in the stream, behind everything that it carried before."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from core import clock
from monitoring.models import Complete

KIND = "complete"
LATE = timedelta(seconds=30)


def tell(bodies: Iterable[bytes]) -> None:
    """Take the newest of the moments that entries of the stream say; one that is older changes nothing."""
    moments = []
    for body in bodies:
        with suppress(ValueError, OverflowError, OSError):
            moments.append(datetime.fromtimestamp(float(body), UTC))
    if not moments:
        return
    newest = min(max(moments), clock.now())
    if not Complete.objects.filter(at__lt=newest).update(at=newest) and not Complete.objects.exists():
        Complete.objects.create(at=newest)


def complete_up_to() -> datetime | None:
    """Return up to when all evidence is here; None where nobody said so yet."""
    return Complete.objects.values_list("at", flat=True).first()


def late_since() -> datetime | None:
    """Return the moment from which on evidence is missing where that is longer ago than usual, else None."""
    moment = complete_up_to()
    return moment if moment and clock.now() - moment > LATE else None
