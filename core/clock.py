"""The one clock, so that a test can hold it still."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(tz=UTC)


def iso(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with microseconds and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def minute(moment: datetime) -> str:
    """Return `moment` for people, to the minute, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def millis(moment: datetime) -> int:
    """Return milliseconds since 1970, rounded down."""
    return int(moment.timestamp() * 1000)
