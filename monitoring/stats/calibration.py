"""Accuracy without labels: scores become chances (isotonic regression), which tell how often a prediction is right.

It holds while a score means what it meant in the reference. When that changes, only labels can tell.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """Chances of the positive outcome by score, as steps: from `scores[i]` on it is `chances[i]`."""

    scores: list[float]
    chances: list[float]

    def chance(self, score: float) -> float:
        """Return the chance that the outcome is positive."""
        return self.chances[max(0, bisect_right(self.scores, score) - 1)]

    def right(self, score: float, *, is_positive: bool) -> float:
        """Return the chance that a prediction is right."""
        chance = self.chance(score)
        return chance if is_positive else 1.0 - chance


def calibrated(pairs: Iterable[tuple[float, bool]]) -> Calibration:
    """Return the rising steps that fit scores and outcomes best."""
    return calibrated_of((score, int(positive), 1) for score, positive in pairs)


def calibrated_of(counts: Iterable[tuple[float, int, int]]) -> Calibration:
    """Return the same of how many positives there are of how many, by score (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # lowest score, positives, size
    for score, positives, of in sorted(counts):
        blocks.append((score, float(positives), of))
        while len(blocks) > 1 and _falls(blocks[-2], blocks[-1]):
            (lowest, hits, size), (_, more, others) = blocks[-2:]
            blocks[-2:] = [(lowest, hits + more, size + others)]
    return Calibration([lowest for lowest, _, _ in blocks], [hits / size for _, hits, size in blocks])


def _falls(before: tuple[float, float, int], after: tuple[float, float, int]) -> bool:
    """Whether the later step is no higher, or at the same score: then they are one."""
    return before[0] == after[0] or before[1] * after[2] >= after[1] * before[2]


def auc(scored: Iterable[tuple[float, bool]]) -> float | None:
    """Return the chance that a positive has a higher score than a negative, half of it for equal ones; None of none."""
    counts: dict[float, list[int]] = {}
    for score, is_positive in scored:
        counts.setdefault(score, [0, 0])[is_positive] += 1
    return auc_of((score, hits, others) for score, (others, hits) in counts.items())


def auc_of(counts: Iterable[tuple[float, int, int]]) -> float | None:
    """Return the same of how many positives and how many others each score has."""
    below = pairs = positives = 0.0
    for _, hits, others in sorted(counts):
        pairs += hits * (below + others / 2)
        below, positives = below + others, positives + hits
    return pairs / (positives * below) if positives and below else None
