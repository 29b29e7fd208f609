"""How far a version that got copies of requests answers as the live one does. Pure: numbers in, a verdict out."""

from dataclasses import dataclass
from typing import Any

from monitoring.stats.answers import is_same
from monitoring.stats.judge import Decision, Verdict
from monitoring.stats.summary import lasting, wilson

AGREEMENT = "agreement"


@dataclass(frozen=True)
class CopyRules:
    """When enough copies were answered, and how alike the answers have to be.

    Two numbers no further apart than `within` agree. Where fewer than `min_agreement` of the copies (from 0 to 1)
    agree, the version goes back; None leaves that to the person who chooses.
    """

    min_copies: int = 200
    min_s: float = 600.0
    max_s: float = 86_400.0
    min_agreement: float | None = None
    within: float = 0.0


@dataclass(frozen=True)
class Copies:
    """What became of copies whose request the live version answered; `difference` is the mean one of numbers.

    `score_difference` is that of scores, as far as both were told.
    """

    compared: int = 0
    agreeing: int = 0
    failed: int = 0
    difference: float | None = None
    score_difference: float | None = None

    @property
    def words(self) -> str:
        """The numbers in a sentence."""
        if not self.compared:
            return "No copy was compared yet."
        low, high = wilson(self.agreeing, self.compared) or (0.0, 1.0)
        numbers = "" if self.difference is None else f" Numbers differ by {self.difference:.3g} on average."
        scores = "" if self.score_difference is None else f" Scores differ by {self.score_difference:.3g} on average."
        return (
            f"{self.agreeing:,} of {self.compared:,} copies were answered alike "
            f"({100 * low:.1f} to {100 * high:.1f} %), {self.failed:,} failed.{numbers}{scores}"
        )


def apart(live: Any, other: Any) -> float | None:
    """Return the largest difference between numbers at the same place; None where the answers are not numbers alike."""
    one, two = _numbers(live), _numbers(other)
    if one is None or two is None or len(one) != len(two) or not one:
        return None
    return max(abs(a - b) for a, b in zip(one, two, strict=True))


def is_alike(live: Any, other: Any) -> bool:
    """Whether two answers are the same, item by item."""
    return is_same(live, other)


def _numbers(said: Any) -> list[float] | None:
    if isinstance(said, bool) or said is None:
        return None
    if isinstance(said, int | float):
        return [float(said)]
    parts = said if isinstance(said, list) else list(said.values()) if isinstance(said, dict) else [None]
    found = [_numbers(part) for part in parts]
    return None if None in found else [number for part in found for number in part or []]


def judge(copies: Copies, rules: CopyRules, spent_s: float) -> Verdict:
    """Return the verdict after `spent_s`: hold for what lacks, roll back where too few agree, else promote.

    It is given once, on the first look at which enough was seen, so that looking often makes nothing likelier.
    """
    if missing := _missing(copies, rules, spent_s):
        is_over = spent_s > rules.max_s
        said = f"Hold: {missing}." + (" The step's time is over: a person decides." if is_over else "")
        told = f"{said} {copies.words}" if copies.compared else said
        return Verdict(Decision.HOLD, told, needs_person=is_over, lacks=missing)
    _, high = wilson(copies.agreeing, copies.compared) or (0.0, 1.0)
    if rules.min_agreement is not None and high < rules.min_agreement:
        asked = f"{100 * rules.min_agreement:g} % were asked for"
        return Verdict(Decision.ROLLBACK, f"Roll back: {copies.words} {asked}.", AGREEMENT)
    return Verdict(Decision.PROMOTE, f"Compared: {copies.words}")


def _missing(copies: Copies, rules: CopyRules, spent_s: float) -> str:
    if copies.compared < rules.min_copies:
        return f"{copies.compared:,} of {rules.min_copies:,} copies compared"
    if spent_s < rules.min_s:
        return f"{lasting(round(spent_s))} of {lasting(rules.min_s)} in this step"
    return ""
