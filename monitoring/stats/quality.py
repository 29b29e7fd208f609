"""How good a model is by its labels: measures with intervals, chosen by what predictions and labels are.

Intervals are of 95 %: Wilson's for rates, Hanley and McNeil's for the area under the curve, the normal one for means.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from operator import add
from statistics import NormalDist

from monitoring.stats.calibration import Calibration, auc_of, calibrated_of
from monitoring.stats.summary import Z95, wilson
from monitoring.stats.told import CELLS, CLASSES, DELAYS_S, OTHER, Part, Told, middle_of

GROUPS = 10  # of scores, that calibration is told by
ENOUGH = 100  # labelled rows with a score, and FEW of each kind, that an estimate rests on
FEW = 10
LEAST = 20  # labelled rows of a segment that is compared
PAIR = 2
Worths = Mapping[tuple[str, str], float]  # of what was true and what was said
ALPHA = 0.05  # of all segments together


@dataclass(frozen=True)
class Measure:
    """A number, and the interval around it where it has one; `of` is how many rows it rests on."""

    value: float
    low: float | None
    high: float | None
    of: int


@dataclass(frozen=True)
class Estimate:
    """Accuracy of all requests: those with a label by it, the others by their scores. `part` is those others' share."""

    accuracy: float
    part: float
    rests_on: int


@dataclass(frozen=True)
class Slice:
    """One segment of the callers beside all of them."""

    name: str
    measure: Measure
    is_worse: bool  # by more than chance, as many segments as there are


def is_regression(told: Told) -> bool:
    """Whether what is predicted is a number, not one of some classes."""
    errors = told.errors
    return errors.of > 0 and errors.of == told.rows and (errors.fractions > 0 or len(classes(told)) >= CLASSES)


def classes(told: Told) -> list[str]:
    """Return the classes that were true or said, in order; numbers by size."""
    return sorted({name for pair in told.pairs for name in pair}, key=_order)


def _order(name: str) -> tuple[bool, float, str]:
    try:
        return name == OTHER, float(name), name
    except ValueError:
        return name == OTHER, 0.0, name


def positive_of(told: Told) -> str | None:
    """Return the class that scores are the chance of: the last of two, as models order them; None of more."""
    names = classes(told)
    if len(names) == 1:
        return "1" if names[0] in {"0", "1"} else names[0]
    return names[-1] if len(names) == PAIR else None


def measures(told: Told, worths: Worths | None = None) -> dict[str, Measure]:
    """Return the measures by name; those that nothing is known of are left out."""
    found = _of_numbers(told) if is_regression(told) else {**_of_classes(told), **_of_scores(told)}
    found["value"] = value(told, worths or {})
    return {name: measure for name, measure in found.items() if measure is not None}


def head_of(told: Told) -> tuple[str, Measure] | None:
    """Return the one measure that says most, with its name: accuracy, or of numbers their mean error; None of none."""
    if is_regression(told):
        errors, mean = told.errors, told.errors.absolute / told.errors.of
        return "mae", _mean(mean, errors.squares / errors.of - mean**2, errors.of)
    found = _rate(told.right, told.rows)
    return ("accuracy", found) if found else None


def _of_numbers(told: Told) -> dict[str, Measure | None]:
    errors = told.errors
    squares = errors.squares / errors.of
    half = Z95 * sqrt(max(0.0, errors.fourths / errors.of - squares**2) / errors.of)
    rmse = Measure(sqrt(squares), sqrt(max(0.0, squares - half)), sqrt(squares + half), errors.of)
    return {**dict([head] if (head := head_of(told)) else []), "rmse": rmse}


def _of_classes(told: Told) -> dict[str, Measure | None]:
    found: dict[str, Measure | None] = {"accuracy": _rate(told.right, told.rows)}
    positive = positive_of(told)
    if positive is not None and len(classes(told)) == PAIR:
        found |= {"precision": precision(told, positive), "recall": recall(told, positive)}
    return found


def precision(told: Told, name: str) -> Measure | None:
    """Return how often it is this class where it is said."""
    return _rate(told.pairs[name, name], sum(count for (_, said), count in told.pairs.items() if said == name))


def recall(told: Told, name: str) -> Measure | None:
    """Return how often this class is said where it is true."""
    return _rate(told.pairs[name, name], sum(count for (truth, _), count in told.pairs.items() if truth == name))


def _of_scores(told: Told) -> dict[str, Measure | None]:
    if (positive := positive_of(told)) is None or not told.scores:
        return {}
    cells = _cells(told, positive)
    return {"auc": _auc(cells), "brier": _brier(told, positive), "ece": _ece(cells)}


def _cells(told: Told, positive: str) -> list[tuple[int, int, int]]:
    """Return cell, positives and others, of the cells that hold any."""
    hits, others = told.scores.get(positive, [0] * CELLS), [0] * CELLS
    for name, cells in told.scores.items():
        others = others if name == positive else list(map(add, others, cells))
    return [(cell, *counts) for cell, counts in enumerate(zip(hits, others, strict=True)) if any(counts)]


def _auc(cells: Iterable[tuple[int, int, int]]) -> Measure | None:
    cells = list(cells)
    area = auc_of(cells)
    if area is None:
        return None
    hits, others = (sum(cell[place] for cell in cells) for place in (1, 2))
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (hits - 1) * (first - area**2) + (others - 1) * (second - area**2)
    half = Z95 * sqrt(max(0.0, spread) / (hits * others))
    return Measure(area, max(0.0, area - half), min(1.0, area + half), hits + others)


def _brier(told: Told, positive: str) -> Measure | None:
    of = squares = fourths = 0.0
    for name, (count, first, second, third, fourth) in told.moments.items():
        of += count
        if name == positive:
            squares += count - 2 * first + second
            fourths += count - 4 * first + 6 * second - 4 * third + fourth
        else:
            squares, fourths = squares + second, fourths + fourth
    return _mean(squares / of, fourths / of - (squares / of) ** 2, int(of)) if of else None


def _ece(cells: Iterable[tuple[int, int, int]]) -> Measure | None:
    """Return how far chances are from how often it happens, over groups of alike scores, weighed by their rows."""
    groups: dict[int, list[float]] = {}
    for cell, hits, others in cells:
        group = groups.setdefault(cell * GROUPS // CELLS, [0.0, 0.0, 0.0])
        rows, chance = hits + others, middle_of(cell)
        group[0], group[1] = group[0] + hits - rows * chance, group[1] + rows * chance * (1 - chance)
        group[2] += rows
    of = sum(group[2] for group in groups.values())
    if not of:
        return None
    value = sum(abs(group[0]) for group in groups.values()) / of
    half = Z95 * sqrt(sum(group[1] for group in groups.values())) / of
    return Measure(value, max(0.0, value - half), value + half, int(of))


def _rate(hits: int, of: int, z: float = Z95) -> Measure | None:
    found = wilson(hits, of, z)
    return Measure(hits / of, *found, of) if found else None


def _mean(value: float, variance: float, of: int) -> Measure:
    half = Z95 * sqrt(max(0.0, variance) / of)
    return Measure(value, max(0.0, value - half), value + half, of)


def estimate(told: Told, known: Told) -> Estimate | None:
    """Return the accuracy of all requests of `told`, by the scores that the labelled rows of `known` give a meaning.

    A label takes the place of its request's estimate. None where too few rows of `known` have both, or none waits.
    """
    calibration, positive = calibration_of(known), positive_of(known)
    waiting = sum(map(sum, told.unlabelled.values()))
    if calibration is None or positive is None or not waiting:
        return None
    right = 0.0
    for said, cells in told.unlabelled.items():
        for cell, count in enumerate(cells):
            right += count * calibration.right(middle_of(cell), is_positive=said == positive)
    unlabelled = max(0, told.asked - told.labelled)
    part = unlabelled / (told.rows + unlabelled)
    labelled = told.right / told.rows if told.rows else 0.0
    return Estimate((1 - part) * labelled + part * right / waiting, part, _scored(known))


def calibration_of(known: Told) -> Calibration | None:
    """Return what scores mean by the labels that are there; None where those are too few."""
    if (positive := positive_of(known)) is None or is_regression(known):
        return None
    cells = _cells(known, positive)
    hits, others = (sum(cell[place] for cell in cells) for place in (1, 2))
    if hits + others < ENOUGH or min(hits, others) < FEW:
        return None
    return calibrated_of((middle_of(cell), hits, hits + others) for cell, hits, others in cells)


def _scored(told: Told) -> int:
    return sum(map(sum, told.scores.values()))


def value(told: Told, worths: Worths) -> Measure | None:
    """Return what a labelled row was worth in the mean, by what each pair of truth and answer is worth, else 0."""
    if not worths or not told.rows or is_regression(told):
        return None
    sums = [sum(count * worths.get(pair, 0.0) ** power for pair, count in told.pairs.items()) for power in (1, 2)]
    mean, squares = (each / told.rows for each in sums)
    half = Z95 * sqrt(max(0.0, squares - mean**2) / told.rows)
    return Measure(mean, mean - half, mean + half, told.rows)


def slices(told: Told) -> list[Slice]:
    """Return the segments with enough rows, the worst first."""
    is_numbers = is_regression(told)
    parts = {name: part for name, part in told.segments.items() if part.rows >= LEAST}
    z = NormalDist().inv_cdf(1 - ALPHA / 2 / max(1, len(parts)))
    head = head_of(told)
    found = [_slice(name, part, head[1], z, is_numbers=is_numbers) for name, part in parts.items() if head]
    return sorted(found, key=lambda one: (-one.measure.value if is_numbers else one.measure.value, one.name))


def _slice(name: str, part: Part, whole: Measure, z: float, *, is_numbers: bool) -> Slice:
    if is_numbers:
        mean, squares = part.errors.absolute / part.errors.of, part.errors.squares / part.errors.of
        far = z * sqrt(max(0.0, squares - mean**2) / part.errors.of)
        return Slice(name, _mean(mean, squares - mean**2, part.errors.of), mean - far > whole.value)
    rate = part.right / part.rows
    low, high = wilson(part.right, part.rows) or (0.0, 1.0)
    _, highest = wilson(part.right, part.rows, z) or (0.0, 1.0)
    return Slice(name, Measure(rate, low, high, part.rows), highest < whole.value)


def coverage(told: Told) -> Measure | None:
    """Return which part of the requests has a label."""
    return _rate(min(told.labelled, told.asked), told.asked)


@dataclass(frozen=True)
class Arrived:
    """How much of the requests that are at least so old had its label by then."""

    within_s: int
    labelled: int
    of: int


def delay_curve(parts: Iterable[tuple[float, Told]]) -> list[Arrived]:
    """Return how labels come, of windows each with how long ago it ended; a window counts once it is old enough."""
    parts = list(parts)
    curve = []
    for place, limit in enumerate(DELAYS_S):
        old = [told for age_s, told in parts if age_s >= limit]
        came = sum(count for told in old for at, count in told.delays.items() if at <= place)
        curve.append(Arrived(limit, came, sum(told.asked for told in old)))
    return [point for point in curve if point.of]
