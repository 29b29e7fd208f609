"""What a chart is made of, in the words of its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

DASHES = {"canary": "8 6", "limit": "2 5"}
MORE_DASHES = ("8 6", "2 4", "12 4 2 4", "4 3")  # of several versions on one track, one after the other
INKS = {"stable": "champion", "canary": "canary", "shadow": "third"}
HEADROOM = 1.5  # for the marks' words
LATE_PCT = 80.0  # from here on a mark's words stand left of it
LEVELS = 3  # words of neighbouring marks stand below each other
LEVEL_PX = 13
DAY_S = 86_400


@dataclass(frozen=True)
class Line:
    """One line: the same colour means the same role on every chart, and dash and label say it without colour.

    Of several versions in one role each `place` has another dash.
    """

    key: str
    label: str
    ink: str
    width: float = 2
    place: int = 0

    @property
    def dash(self) -> str:
        """Lengths drawn and left out, or nothing for a solid line."""
        return MORE_DASHES[self.place % len(MORE_DASHES)] if self.place else DASHES.get(self.ink, "")


@dataclass(frozen=True)
class Row:
    """One row of the table beside the chart."""

    at: datetime
    values: Sequence[float | None]


@dataclass(frozen=True)
class Mark:
    """A moment drawn into each chart, in parts of its width."""

    at_pct: float
    level: int
    label: str
    title: str
    href: str

    @property
    def is_late(self) -> bool:
        """Whether its words would not fit to its right."""
        return self.at_pct > LATE_PCT

    @property
    def y(self) -> int:
        """Where its words stand, from the top."""
        return LEVEL_PX * (1 + self.level)


@dataclass(frozen=True)
class Before:
    """The part of a chart's width before anything was measured, and what is said in it where there is room."""

    pct: float
    words: str

    @property
    def middle_pct(self) -> float:
        """Where its words stand."""
        return self.pct / 2


@dataclass(frozen=True)
class Chart:
    """A figure: its sentence says what matters, its table the same as its lines."""

    name: str
    title: str
    unit: str
    sentence: str
    span_s: float = 3600
    lines: Sequence[Line] = ()
    rows: Sequence[Row] = ()
    marks: Sequence[Mark] = ()
    before: Before | None = None
    floor: float = 0
    top: float = 0

    @property
    def times(self) -> str:
        """How the axis writes a moment: 24 hours, or days where there are several."""
        return "{HH}:{mm}" if self.span_s <= DAY_S else "{MM}-{DD}"


def top_of(values: Sequence[float | None], limit: float | None = None) -> float:
    """Return an upper end of the axis that leaves room above the highest value and the limit."""
    return HEADROOM * max((value for value in (*values, limit) if value is not None), default=1) or 1
