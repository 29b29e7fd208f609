"""One feature as its reference and its windows: what is counted of each, how far apart they are, and how sure that is.

The rule is the replay's. Texts are watched by their length, embeddings by mean and length: what is counted as it comes
can only be what a value says by itself. A row that was drawn stands for as many rows as it was drawn from: it counts so
often, and makes nothing surer than the rows do that were really seen.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean
from typing import Any

from monitoring.stats import cells
from monitoring.stats.cells import Cells, Counts, LevelCells, NumberCells, Sizes
from monitoring.stats.features import Kind, Signal, kind_of_all, length_of, number_of, word_of
from monitoring.stats.references import Rate
from monitoring.stats.sequential import Watch

MISSING = "missing"
SIGNALS: Mapping[Kind, Sequence[Signal]] = {
    Kind.NUMBER: [Signal("value", number_of)],
    Kind.WORD: [Signal("value", word_of, is_word=True)],
    Kind.TEXT: [Signal("length", lambda value: float(len(value)) if isinstance(value, str) else None)],
    Kind.EMBEDDING: [
        Signal("mean", lambda value: fmean(value) if _is_row(value) else None),
        Signal("distance", lambda value: length_of(value) if _is_row(value) else None),
    ],
}
Watches = Mapping[str, Watch]  # by signal
Weighed = Mapping[int, Sequence[Any]]  # values by how many rows each stands for


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(number_of(one) is not None for one in value)


class Severity(StrEnum):
    """How much a distance matters, by its size."""

    NONE = "none"
    MINOR = "minor"
    MODERATE = "moderate"
    MAJOR = "major"


LIMITS = ((0.20, Severity.MAJOR), (0.10, Severity.MODERATE), (0.05, Severity.MINOR))


def severity_of(distance: float) -> Severity:
    """Return how much a distance from 0 to 1 matters."""
    return next((severity for limit, severity in LIMITS if distance >= limit), Severity.NONE)


@dataclass
class Window:
    """What was counted of a feature in a span of time. Windows of one feature add up.

    `missing` and `counts` are of the rows `stands_for`; of one weight each where nothing else is said.
    """

    rows: int = 0  # seen
    missing: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)  # by signal
    stands_for: int = 0
    squares: dict[str, int] = field(default_factory=dict)  # sums of the weights' squares, by signal and of all rows

    def __post_init__(self) -> None:
        self.stands_for = self.stands_for or self.rows
        if self.rows and not self.squares:
            self.squares = {MISSING: self.stands_for, **{name: sum(counts) for name, counts in self.counts.items()}}

    def __add__(self, other: "Window") -> "Window":
        """Return what was counted in both spans."""
        names = self.counts.keys() | other.counts.keys()
        counts = {name: _sum(self.counts.get(name), other.counts.get(name)) for name in names}
        return Window(
            self.rows + other.rows, self.missing + other.missing, counts, self.stands_for + other.stands_for,
            dict(Counter(self.squares) + Counter(other.squares)),
        )  # fmt: skip

    @property
    def missing_share(self) -> float:
        """Which part has no value; of a window that has rows."""
        return self.missing / self.stands_for

    def size(self, signal: str) -> float:
        """Return how many rows of one weight tell as much of a signal, or of what is missing, as these (Kish)."""
        of = self.stands_for if signal == MISSING else sum(self.counts[signal])
        return of**2 / self.squares[signal]


def _sum(one: Counts | None, other: Counts | None) -> Counts:
    if one is None or other is None:
        return one or other or []
    return [a + b for a, b in zip(one, other, strict=True)]


@dataclass(frozen=True)
class Effect:
    """Which signal of a feature is furthest from its reference, how far (0 to 1), and its stability index if any."""

    signal: str
    distance: float
    stability: float | None = None


@dataclass(frozen=True)
class Baseline:
    """What is usual of a feature."""

    kind: Kind
    cells: Mapping[str, Cells]  # by signal
    usual: Window  # the reference itself, in its own cells

    @classmethod
    def of(cls, values: Iterable[Any]) -> "Baseline":
        """Return what is usual where these values are; at least one."""
        return cls.of_weighed({1: list(values)})

    @classmethod
    def of_weighed(cls, weighed: Weighed) -> "Baseline":
        """Return what is usual where these values are, by how many rows each stands for; at least one."""
        kind = kind_of_all(value for values in weighed.values() for value in values if value is not None)
        seen: dict[str, Counter[Any]] = defaultdict(Counter)
        for weight, values in weighed.items():
            for name, found in _seen(kind, values).items():
                seen[name].update(_times(weight, Counter(found)))
        made = {
            signal.name: (LevelCells if signal.is_word else NumberCells).of(seen[signal.name])
            for signal in SIGNALS[kind]
            if seen[signal.name]
        }
        return cls(kind, made, cls(kind, made, Window()).count_weighed(weighed))

    @property
    def size(self) -> int:
        """How many signals it has, the missing share among them."""
        return len(self.cells) + 1

    @property
    def rows(self) -> int:
        """How many rows the reference was made of."""
        return self.usual.rows

    def count(self, values: Iterable[Any]) -> Window:
        """Return a window of these values; one that is not what the reference's are counts as missing."""
        return self.count_weighed({1: list(values)})

    def count_weighed(self, weighed: Weighed) -> Window:
        """Return a window of values by how many rows each stands for."""
        return sum((self._count(values, weight) for weight, values in weighed.items()), Window())

    def _count(self, values: Sequence[Any], weight: int) -> Window:
        seen = _seen(self.kind, values)
        counts = {name: cells.count(_times(weight, Counter(seen[name]))) for name, cells in self.cells.items()}
        squares = {name: weight**2 * len(seen[name]) for name in self.cells if seen[name]}
        missing, rows = len(values) - len(seen[SIGNALS[self.kind][0].name]), len(values)
        return Window(rows, weight * missing, counts, weight * rows, {**squares, MISSING: weight**2 * rows})

    def effect(self, window: Window) -> Effect:
        """Return what is furthest; of a window that has rows."""
        found = [
            Effect(
                name, self.cells[name].distance(counts),
                cells.stability(self.cells[name], counts, self._sizes(window, name)),
            )
            for name, counts in window.counts.items()
            if sum(counts)
        ]  # fmt: skip
        gone = abs(window.missing_share - self.usual.missing_share)
        return max([*found, Effect(MISSING, gone)], key=lambda effect: effect.distance)

    def watches(self, signals: int) -> dict[str, Watch]:
        """Return the watches of a feature that was never looked at, as some of so many signals."""
        return {name: Watch(signals) for name in (*self.cells, MISSING)}

    def look(self, window: Window, watches: Watches) -> bool:
        """Take one window of rows into the watches; return whether an alarm begins."""
        was_told = any(watch.is_told for watch in watches.values())
        sizes, gone = self._sizes(window, MISSING), watches[MISSING]
        usual = Rate(self.usual.missing_share, sizes.reference)
        found = gone.look(usual.log_p_of(window.missing_share, sizes.window, gone.signals))
        for name, counts in window.counts.items():
            if sum(counts):
                watch = watches[name]
                log_p = cells.log_p(self.cells[name], counts, self._sizes(window, name), watch.signals)
                found |= watch.look(log_p)
        return found and not was_told

    def _sizes(self, window: Window, signal: str) -> Sizes:
        return Sizes(window.size(signal), self.usual.size(signal))

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        known = {name: cells.to_document(one) for name, one in self.cells.items()}
        told = {name: said for name, said in vars(self.usual).items() if name != "counts"}  # the cells have them
        return {"kind": str(self.kind), "cells": known, "usual": told}

    @classmethod
    def of_document(cls, said: Mapping[str, Any]) -> "Baseline":
        """Return the baseline of a document; one from before rows had weights says rows and missing by itself."""
        known = {name: cells.of_document(one) for name, one in said["cells"].items()}
        counts = {name: list(one.counts) for name, one in known.items()}
        usual = said.get("usual") or {name: said[name] for name in ("rows", "missing")}
        return cls(Kind(said["kind"]), known, Window(**usual, counts=counts))


def _times(weight: int, seen: Counter[Any]) -> Counter[Any]:
    return seen if weight == 1 else Counter({value: weight * count for value, count in seen.items()})


def _seen(kind: Kind, values: Sequence[Any]) -> dict[str, list[Any]]:
    """Return what each signal sees of the values that are there."""
    there = [value for value in values if value is not None]
    return {
        signal.name: [said for value in there if (said := signal.extract(value)) is not None]
        for signal in SIGNALS[kind]
    }
