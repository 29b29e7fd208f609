"""Moments by five fields, as cron has them: minute, hour, day of the month, month, day of the week, in UTC. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
EVERY = "*"
SUNDAY = 7  # is 0 as well
DAYS = 366 * 9  # after so many, a moment that did not come never comes: 29 February skips 8 years at most


@dataclass(frozen=True)
class Cron:
    """When something happens. Where both days are narrowed, either is enough, as cron has it."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Return what `text` says; raise ValueError, with a sentence, for what is none."""
        words = text.split()
        if len(words) != len(FIELDS):
            raise ValueError(f"There are {len(words)} fields; cron has minute, hour, day, month and weekday.")
        found = [_field(word, *field) for word, field in zip(words, FIELDS, strict=True)]
        weekdays = frozenset(day % SUNDAY for day in found[4])
        narrowed = words[2] != EVERY and words[4] != EVERY
        cron = cls(found[0], found[1], found[2], found[3], weekdays, narrowed)
        if cron.after(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError("That day never comes.")
        return cron

    def after(self, moment: datetime) -> datetime | None:
        """Return the first moment after this one; None where none comes."""
        days = (moment.date() + timedelta(days=step) for step in range(DAYS))
        return next((at for day in days for at in self._on(day) if at > moment), None)

    def last(self, since: datetime, until: datetime) -> datetime | None:
        """Return the last moment after `since` that is not after `until`; None where there is none."""
        count = (until.date() - since.date()).days + 1
        days = (until.date() - timedelta(days=step) for step in range(count))
        return next((at for day in days for at in reversed(list(self._on(day))) if since < at <= until), None)

    def coming(self, moment: datetime, count: int) -> list[datetime]:
        """Return the next few moments."""

        def each() -> Iterator[datetime]:
            at = self.after(moment)
            while at is not None:
                yield at
                at = self.after(at)

        return list(islice(each(), count))

    def _on(self, day: date) -> Iterator[datetime]:
        if self._holds(day):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    yield datetime.combine(day, time(hour, minute), UTC)

    def _holds(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % SUNDAY in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday


def _field(text: str, name: str, low: int, high: int) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _part(part, name, low, high))


def _part(text: str, name: str, low: int, high: int) -> range:
    """Return the values of `*`, `5`, `1-5`, and each with a step such as `/2`."""
    span, slash, step = text.partition("/")
    first, dash, last = span.partition("-")
    begin, end = (low, high) if span == EVERY else (_number(first, name), _number(last if dash else first, name))
    if slash and span != EVERY and not dash:
        end = high
    width = _number(step, name) if slash else 1
    if not low <= begin <= end <= high or width < 1:
        raise ValueError(f"The {name} '{text}' is not within {low} to {high}.")
    return range(begin, end + 1, width)


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 2:  # noqa: PLR2004 - digits
        raise ValueError(f"The {name} has '{text[:20]}', which is no number.")
    return int(text)
