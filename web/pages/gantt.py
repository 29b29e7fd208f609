"""Lays out when each version held a stage or an alias, as numbers for an SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

WIDTH = 960
LABELS = 112  # room for the rows' names
ROW = 32
AXIS = 24
TICKS = 4
NARROWEST = 2.0


class Spell(Protocol):
    """What one bar is made of; `registry.history.Span` is one."""

    version: int
    label: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class Bar:
    """One spell: where it starts and how wide it is."""

    x: float
    width: float
    text: str
    kind: str


@dataclass(frozen=True)
class Row:
    """A stage or an alias with its bars."""

    label: str
    y: int
    bars: list[Bar]


@dataclass(frozen=True)
class Tick:
    """A date on the axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Gantt:
    """The whole drawing, in user units."""

    rows: list[Row]
    ticks: list[Tick]
    height: int
    floor: int
    width: int = WIDTH


def layout(spells: Sequence[Spell], *, now: datetime) -> Gantt:
    """Return a row per label, stages before aliases, on one axis from the first start to `now`."""
    start = min((spell.start for spell in spells), default=now)
    length = max(now - start, timedelta(seconds=1))

    def x_of(moment: datetime) -> float:
        return round(LABELS + (WIDTH - LABELS) * ((moment - start) / length), 1)

    labels = sorted({spell.label for spell in spells}, key=lambda label: (label.startswith("@"), label))
    rows = [
        Row(label, number * ROW, [_bar(spell, x_of, now) for spell in spells if spell.label == label])
        for number, label in enumerate(labels)
    ]
    floor = len(rows) * ROW
    moments = [start + length * (number / TICKS) for number in range(TICKS)] if rows else []
    ticks = [Tick(x_of(moment), moment.strftime(_form(length))) for moment in moments]
    return Gantt(rows, ticks, height=floor + AXIS, floor=floor)


def _form(length: timedelta) -> str:
    """Return the form of a time on an axis so long: its ticks must differ."""
    if length > timedelta(days=TICKS):
        return "%Y-%m-%d"
    return "%m-%d %H:%M" if length > timedelta(minutes=TICKS) else "%H:%M:%S"


def _bar(spell: Spell, x_of: Callable[[datetime], float], now: datetime) -> Bar:
    left, right = x_of(spell.start), x_of(spell.end or now)
    kind = "alias" if spell.label.startswith("@") else "bar"
    wide = right - left >= ROW  # narrower, and the text would run into the next bar
    return Bar(left, max(round(right - left, 1), NARROWEST), f"v{spell.version}" if wide else "", kind)
