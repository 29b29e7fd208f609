"""What labels say of predictions, as counts that add up: those of an hour are those of its minutes, in any order.

Scores are counted in CELLS equal cells from 0 to 1, and their moments are kept whole, so that Brier's score is exact.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import add
from typing import Any, Self

from monitoring.stats.answers import bare, is_same

CELLS = 250
CLASSES = 50  # told apart; those that come later are one
SEGMENTS = 50
OTHER = "(other)"
LONGEST = 64
HALF = 0.5
MOMENTS = 5  # number of scores, and the sums of their first four powers
DELAYS_S = (60, 600, 3_600, 21_600, 86_400, 3 * 86_400, 7 * 86_400, 30 * 86_400)
BOTH = (False, True)
Cells = list[int]  # how many scores lie in each


@dataclass
class Errors:
    """Differences of numbers, and how far off they are: sums over pairs."""

    of: int = 0
    fractions: int = 0  # pairs of which one is no whole number
    absolute: float = 0.0
    squares: float = 0.0
    fourths: float = 0.0

    def take(self, said: float, truth: float) -> None:
        """Count one pair."""
        gap = abs(float(said) - float(truth))
        self.of += 1
        self.fractions += not (float(said).is_integer() and float(truth).is_integer())
        self.absolute += gap
        self.squares += gap**2
        self.fourths += gap**4

    def __iadd__(self, other: "Errors") -> Self:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


@dataclass
class Part:
    """The labelled rows of one segment of the callers."""

    rows: int = 0
    right: int = 0
    errors: Errors = field(default_factory=Errors)

    def __iadd__(self, other: "Part") -> Self:
        self.rows, self.right = self.rows + other.rows, self.right + other.right
        self.errors += other.errors
        return self


@dataclass
class Told:
    """Requests that were answered (`asked`), and what is known of them; rows are what requests with several hold."""

    asked: int = 0
    labelled: int = 0
    delays: Counter[int] = field(default_factory=Counter)  # labelled requests by place in DELAYS_S
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)  # rows by (truth, what was said)
    right: int = 0  # rows
    errors: Errors = field(default_factory=Errors)
    scores: dict[str, Cells] = field(default_factory=dict)  # of labelled rows, by truth
    moments: dict[str, list[float]] = field(default_factory=dict)  # of their scores, by truth
    unlabelled: dict[str, Cells] = field(default_factory=dict)  # of rows without a label, by what was said
    segments: dict[str, Part] = field(default_factory=dict)

    def label(self, said: Any, truth: Any, score: Any, delay_s: float, segment: str = "") -> None:
        """Count a request with its label, which came `delay_s` after it."""
        self.labelled += 1
        self.delays[sum(delay_s > limit for limit in DELAYS_S)] += 1
        for each, true, chance in rows_of(said, truth, score):
            self._pair(each, true, chance, segment)

    def wait(self, said: Any, score: Any, weight: int = 1) -> None:
        """Count a request without a label, standing for `weight` of them."""
        for each, _, chance in rows_of(said, None, score):
            if chance is not None:
                _at(self.unlabelled, _class(each))[cell_of(chance)] += weight

    def _pair(self, said: Any, truth: Any, score: float | None, segment: str) -> None:
        is_right = is_same(said, truth)
        part = self.segments.setdefault(_known(segment, self.segments, SEGMENTS), Part()) if segment else Part()
        self.right, part.rows, part.right = self.right + is_right, part.rows + 1, part.right + is_right
        if _is_number(said) and _is_number(truth):
            self.errors.take(said, truth)
            part.errors.take(said, truth)
        true = _known(_class(truth), {name for pair in self.pairs for name in pair}, CLASSES)
        self.pairs[true, true if is_right else _known(_class(said), {said for _, said in self.pairs}, CLASSES)] += 1
        if score is not None:
            _at(self.scores, true)[cell_of(score)] += 1
            sums = self.moments.setdefault(true, [0.0] * MOMENTS)
            for power in range(MOMENTS):
                sums[power] += score**power

    def __iadd__(self, other: "Told") -> Self:
        self.asked, self.labelled = self.asked + other.asked, self.labelled + other.labelled
        self.right += other.right
        self.delays += other.delays
        self.pairs += other.pairs
        self.errors += other.errors
        for mine, theirs in ((self.scores, other.scores), (self.unlabelled, other.unlabelled)):
            for name, cells in theirs.items():
                _add(mine, name, cells)
        for name, sums in other.moments.items():
            before = self.moments.get(name, [0.0] * MOMENTS)
            self.moments[name] = [one + more for one, more in zip(before, sums, strict=True)]
        for name, part in other.segments.items():
            mine_part = self.segments.setdefault(_known(name, self.segments, SEGMENTS), Part())
            mine_part += part
        return self

    @property
    def rows(self) -> int:
        """How many labelled rows there are."""
        return self.pairs.total()

    @property
    def document(self) -> dict[str, Any]:
        """As plain JSON; cells by place."""
        return {
            "asked": self.asked,
            "labelled": self.labelled,
            "right": self.right,
            "delays": _listed(self.delays),
            "pairs": [[*pair, count] for pair, count in sorted(self.pairs.items())],
            "errors": vars(self.errors),
            "scores": self.scores,
            "moments": self.moments,
            "unlabelled": self.unlabelled,
            "segments": {name: [part.rows, part.right, vars(part.errors)] for name, part in self.segments.items()},
        }

    @classmethod
    def of_document(cls, said: dict[str, Any]) -> "Told":
        """Return what a document says."""
        return cls(
            said["asked"], said["labelled"], Counter(dict(said["delays"])),
            Counter({(truth, answer): count for truth, answer, count in said["pairs"]}), said["right"],
            Errors(**said["errors"]), said["scores"], said["moments"], said["unlabelled"],
            {name: Part(rows, right, Errors(**errors)) for name, (rows, right, errors) in said["segments"].items()},
        )  # fmt: skip


def rows_of(said: Any, truth: Any, score: Any) -> Iterator[tuple[Any, Any, float | None]]:
    """Yield what was said, what was true and the chance that was given, row by row; where rows differ, all as one.

    Where the answer is a chance itself and the label 0 or 1, the answer is the likelier of the two.
    """
    answers, truths, scores = _listed_rows(said), _listed_rows(truth), _listed_rows(score)
    if truth is not None and len(truths) != len(answers):
        yield said, truth, None
        return
    for place, answer in enumerate(answers):
        true = bare(truths[place]) if truth is not None else None
        chance = _chance(scores[place]) if len(scores) == len(answers) else None
        each = bare(answer)
        if chance is None and isinstance(each, float) and not each.is_integer() and true in (None, *BOTH):
            chance = _chance(each)
            each = each if chance is None else int(chance >= HALF)
        yield each, true, chance


def cell_of(score: float) -> int:
    """Return the cell of a score from 0 to 1."""
    return min(CELLS - 1, int(score * CELLS))


def middle_of(cell: int) -> float:
    """Return the score in the middle of a cell."""
    return (cell + HALF) / CELLS


def _listed_rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _listed(counts: Counter[int]) -> list[list[int]]:
    return [[place, count] for place, count in sorted(counts.items())]


def _chance(score: Any) -> float | None:
    return float(score) if _is_number(score) and 0 <= score <= 1 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _class(value: Any) -> str:
    """Return a value in one way of writing: 1, 1.0 and true are the same."""
    if isinstance(value, bool | float) and float(value).is_integer():
        value = int(value)
    return str(value)[:LONGEST]


def _known(name: str, known: Any, most: int) -> str:
    return name if name in known or len(known) < most else OTHER


def _at(cells: dict[str, Cells], name: str) -> Cells:
    return cells.setdefault(_known(name, cells, CLASSES), [0] * CELLS)


def _add(cells: dict[str, Cells], name: str, more: Cells) -> None:
    """Add counts to those of a class; the sum is a list of its own."""
    known = _known(name, cells, CLASSES)
    cells[known] = list(map(add, cells[known], more)) if known in cells else list(more)
