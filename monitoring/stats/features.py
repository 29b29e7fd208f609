"""Signals of a feature: a number, a word, a text or an embedding becomes numbers and words that can be compared."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan, log, sqrt
from operator import mul
from statistics import fmean, pstdev
from typing import Any

Extract = Callable[[Any], Any]  # a value that is there, as the signal sees it; None where it is of no use
LONG = 40  # characters, from which a string is a text
FEW = 16  # coordinates that are watched one by one
COMPONENTS, SAMPLE, ROUNDS = 3, 500, 15
UNKNOWN = log(1e-6)


@dataclass(frozen=True)
class Signal:
    """One thing that is watched of a feature: numbers, or words where `is_word`."""

    name: str
    extract: Extract
    is_word: bool = False
    is_made: bool = False  # from every other reference value, so that only the others show what is usual


class Kind(StrEnum):
    """What a feature's values are."""

    NUMBER = "number"
    WORD = "word"
    TEXT = "text"
    EMBEDDING = "embedding"


def kind_of(value: Any) -> Kind:
    """Return what one value is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Kind.NUMBER
    if isinstance(value, list) and value and all(kind_of(each) is Kind.NUMBER for each in value):
        return Kind.EMBEDDING
    return Kind.TEXT if isinstance(value, str) and len(value) >= LONG else Kind.WORD


def kind_of_all(values: Iterable[Any]) -> Kind:
    """Return what most values are."""
    kinds = Counter(map(kind_of, values))
    return kinds.most_common(1)[0][0] if kinds else Kind.NUMBER


def signals_of(kind: Kind, values: Sequence[Any]) -> list[Signal]:
    """Return what to watch of a feature, given reference values; the first signal says whether a value is there."""
    if kind is Kind.EMBEDDING:
        return _of_embedding(values)
    if kind is Kind.TEXT:
        return _of_text([value for value in values if isinstance(value, str)])
    return [Signal("value", number_of) if kind is Kind.NUMBER else Signal("value", word_of, is_word=True)]


def number_of(value: Any) -> float | None:
    """Return a number; None for what is none, or has no place among numbers."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return None if isnan(number) else number


def word_of(value: Any) -> str:
    """Return anything as a word."""
    return str(value)


# A text: how long it is, how much of it is unknown, how usual its words are. One half of the reference (every
# other text) is read for its words; the other half shows how usual they are in a text that was not read.


def _of_text(values: Sequence[str]) -> list[Signal]:
    seen = Counter(word for value in values[::2] for word in value.split())
    of = sum(seen.values()) or 1
    usual = {word: log(count / of) for word, count in seen.items()}

    def unknown(value: Any) -> float | None:
        words = value.split() if isinstance(value, str) else ()
        return fmean(word not in usual for word in words) if words else None

    def usualness(value: Any) -> float | None:
        words = value.split() if isinstance(value, str) else ()
        return fmean(usual.get(word, UNKNOWN) for word in words) if words else None

    def length(value: Any) -> float | None:
        return float(len(value)) if isinstance(value, str) else None

    return [
        Signal("length", length),
        Signal("unknown words", unknown, is_made=True),
        Signal("usual words", usualness, is_made=True),
    ]


# An embedding: its mean, its distance from the centre, the directions in which the reference spreads most, and each
# coordinate where there are few. Every other vector of the reference gives centre and directions.


def _of_embedding(values: Sequence[Any]) -> list[Signal]:
    vectors = [value for value in values[::2] if kind_of(value) is Kind.EMBEDDING]
    width = Counter(map(len, vectors)).most_common(1)[0][0]
    sample = [vector for vector in vectors if len(vector) == width][:SAMPLE]
    columns = list(zip(*sample, strict=True))
    centre, spread = [fmean(column) for column in columns], [pstdev(column) or 1.0 for column in columns]

    def scaled(value: Any) -> list[float] | None:
        if kind_of(value) is not Kind.EMBEDDING or len(value) != width:
            return None
        return [(one - mean) / deviation for one, mean, deviation in zip(value, centre, spread, strict=True)]

    def seen(through: Callable[[list[float]], float]) -> Extract:
        return lambda value: None if (row := scaled(value)) is None else through(row)

    views: dict[str, Callable[[list[float]], float]] = {"mean": fmean, "distance": length_of}
    rows = [[(one - mean) / by for one, mean, by in zip(row, centre, spread, strict=True)] for row in sample]
    for place, direction in enumerate(directions(rows, COMPONENTS)):
        views[f"component {place + 1}"] = _along(direction)
    for place in range(width if width <= FEW else 0):
        views[f"coordinate {place + 1}"] = _at(place)
    return [Signal(name, seen(through), is_made=True) for name, through in views.items()]


def length_of(row: Sequence[float]) -> float:
    """Return how far a row is from 0."""
    return sqrt(sum(map(mul, row, row)))


def _along(direction: Sequence[float]) -> Callable[[list[float]], float]:
    return lambda row: sum(map(mul, row, direction))


def _at(place: int) -> Callable[[list[float]], float]:
    return lambda row: row[place]


def directions(rows: Sequence[Sequence[float]], count: int) -> list[list[float]]:
    """Return the `count` directions in which rows around 0 spread most, the widest first (power iteration)."""
    rng = random.Random(1)  # noqa: S311 - any start will do, and the same one each time
    found: list[list[float]] = []
    for _ in range(min(count, len(rows[0]) if rows else 0)):
        direction = _unit([rng.gauss(0.0, 1.0) for _ in rows[0]], found)
        for _ in range(ROUNDS):
            lengths = [sum(map(mul, row, direction)) for row in rows]
            direction = _unit([sum(map(mul, column, lengths)) for column in zip(*rows, strict=True)], found)
        found.append(direction)
    return found


def _unit(direction: list[float], found: Sequence[Sequence[float]]) -> list[float]:
    """Return a direction of length 1 across those already found."""
    for other in found:
        along = sum(map(mul, direction, other))
        direction = [one - along * two for one, two in zip(direction, other, strict=True)]
    length = length_of(direction) or 1.0
    return [one / length for one in direction]
