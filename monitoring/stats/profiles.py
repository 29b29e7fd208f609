"""One feature as its reference and its windows: what is counted of each, how far apart they are, and how sure that is.

The rule is the replay's. Texts are watched by their length, embeddings by mean and length: what is counted as it comes
can only be what a value says by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean
from typing import Any

from monitoring.stats import cells
from monitoring.stats.cells import Cells, Counts, LevelCells, NumberCells
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
    """What was counted of a feature in a span of time. Windows of one feature add up."""

    rows: int = 0
    missing: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)  # by signal

    def __add__(self, other: "Window") -> "Window":
        """Return what was counted in both spans."""
        names = self.counts.keys() | other.counts.keys()
        counts = {name: _sum(self.counts.get(name), other.counts.get(name)) for name in names}
        return Window(self.rows + other.rows, self.missing + other.missing, counts)


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
    rows: int
    missing: int
    cells: Mapping[str, Cells]  # by signal

    @classmethod
    def of(cls, values: Iterable[Any]) -> "Baseline":
        """Return what is usual where these values are; at least one."""
        known = list(values)
        kind = kind_of_all(value for value in known if value is not None)
        seen = _seen(kind, known)
        made = {
            signal.name: (LevelCells if signal.is_word else NumberCells).of(seen[signal.name])
            for signal in SIGNALS[kind]
            if seen[signal.name]
        }
        return cls(kind, len(known), len(known) - len(seen[SIGNALS[kind][0].name]), made)

    @property
    def size(self) -> int:
        """How many signals it has, the missing share among them."""
        return len(self.cells) + 1

    def count(self, values: Iterable[Any]) -> Window:
        """Return a window of these values; one that is not what the reference's are counts as missing."""
        known = list(values)
        seen = _seen(self.kind, known)
        counts = {name: cells.count(seen[name]) for name, cells in self.cells.items()}
        return Window(len(known), len(known) - len(seen[SIGNALS[self.kind][0].name]), counts)

    def effect(self, window: Window) -> Effect:
        """Return what is furthest; of a window that has rows."""
        found = [
            Effect(name, self.cells[name].distance(counts), cells.stability(self.cells[name], counts))
            for name, counts in window.counts.items()
            if sum(counts)
        ]
        gone = abs(window.missing / window.rows - self.missing / self.rows)
        return max([*found, Effect(MISSING, gone)], key=lambda effect: effect.distance)

    def watches(self, signals: int) -> dict[str, Watch]:
        """Return the watches of a feature that was never looked at, as some of so many signals."""
        return {name: Watch(signals) for name in (*self.cells, MISSING)}

    def look(self, window: Window, watches: Watches) -> bool:
        """Take one window of rows into the watches; return whether an alarm begins."""
        was_told = any(watch.is_told for watch in watches.values())
        usual, gone = Rate(self.missing / self.rows, self.rows), watches[MISSING]
        found = gone.look(usual.log_p_of(window.missing / window.rows, window.rows, gone.signals))
        for name, counts in window.counts.items():
            if sum(counts):
                watch = watches[name]
                found |= watch.look(cells.log_p(self.cells[name], counts, watch.signals))
        return found and not was_told

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        known = {name: cells.to_document(one) for name, one in self.cells.items()}
        return {"kind": str(self.kind), "rows": self.rows, "missing": self.missing, "cells": known}

    @classmethod
    def of_document(cls, said: Mapping[str, Any]) -> "Baseline":
        """Return the baseline of a document."""
        known = {name: cells.of_document(one) for name, one in said["cells"].items()}
        return cls(Kind(said["kind"]), said["rows"], said["missing"], known)


def _seen(kind: Kind, values: Sequence[Any]) -> dict[str, list[Any]]:
    """Return what each signal sees of the values that are there."""
    there = [value for value in values if value is not None]
    return {
        signal.name: [said for value in there if (said := signal.extract(value)) is not None]
        for signal in SIGNALS[kind]
    }
