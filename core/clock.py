"""The one clock, so that a test can hold it still."""

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(tz=UTC)


def is_ahead(moment: datetime, at_most: timedelta) -> bool:
    """Whether `moment` is still to come; what is further off than `at_most` was noted before a clock was set back."""
    return timedelta(0) < moment - now() <= at_most


FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def told(text: str) -> datetime:
    """Return the moment that somebody wrote, in UTC; without a zone it is one of UTC.

    Raises ValueError for what is no moment, and for those too near the calendar's ends to be reckoned with.
    """
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not FIRST <= moment <= LAST:
        raise ValueError(f"{text} is not between {FIRST.year} and {LAST.year}")
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with microseconds and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def minute(moment: datetime) -> str:
    """Return `moment` for people, to the minute, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def millis(moment: datetime) -> int:
    """Return milliseconds since 1970, rounded down."""
    return int(moment.timestamp() * 1000)
