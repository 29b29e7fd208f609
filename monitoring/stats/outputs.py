"""Watches what a model answers: its scores, how often it is thought to be right, and how often it was.

A day's predictions are judged by their labels once labels have all but stopped coming: the first ones to come are not
like the rest, and where labels of one kind come sooner, it is as if the kinds were mixed as in the reference.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from monitoring.stats.answers import is_same
from monitoring.stats.calibration import Calibration, auc, calibrated
from monitoring.stats.inputs import Dated
from monitoring.stats.references import Numbers, Rate
from monitoring.stats.sequential import Watch
from monitoring.stats.weekdays import LikeWithLike

SIGNALS = 3  # scores, estimates, labels
HALF = 0.5
STOPPED = 0.05  # of a day's labels, fewer than which came last
SOME = 5  # labels of a kind that should be there, before their lack means anything
PAIR = 2
NONE: Any = object()  # no label


@dataclass
class Answer:
    """One prediction; a score is its chance of the positive outcome."""

    version: str
    score: float | None
    prediction: Any
    label: Any = NONE


@dataclass
class Cohort:
    """The predictions of one day, and how many of them got their first label today."""

    answers: list[Answer] = field(default_factory=list)
    labelled: int = 0
    today: int = 0

    @property
    def has_stopped(self) -> bool:
        """Whether labels have all but stopped coming."""
        return self.labelled > 0 and (self.labelled == len(self.answers) or self.today < STOPPED * self.labelled)

    def wrong(self, is_right: Callable[[Answer], bool]) -> dict[str, list[float]]:
        """Return, for each label, which answers were wrong."""
        found: dict[str, list[float]] = defaultdict(list)
        for answer in self.answers:
            if answer.label is not NONE:
                found[_plain(answer.label)].append(float(not is_right(answer)))
        return found


class ModelWatch:
    """One model's answers against a reference of scores and labels; what that does not tell is not watched."""

    def __init__(self, scores: Sequence[Dated], labelled: Sequence[tuple[float, Any]], signals: int) -> None:
        self.scores = LikeWithLike(Numbers, scores) if scores else None
        self.positive, self.labelled = _positive(labelled), labelled
        seen = Counter(_plain(label) for _, label in labelled)
        self.mix = {label: count / len(labelled) for label, count in seen.items()}
        self.calibration: Calibration | None = None
        if self.positive is not NONE and labelled:
            self.calibration = calibrated((score, is_same(label, self.positive)) for score, label in labelled)
        self.usual: Rate | None = None  # how often it is wrong; known when its threshold is
        self.score_watch, self.estimate_watch, self.label_watch = (Watch(signals) for _ in range(SIGNALS))
        self.cohorts: dict[int | str, Cohort] = {}
        self.estimates: dict[int | str, float] = {}

    def is_positive(self, answer: Answer) -> bool:
        """Whether an answer says that the outcome is positive; where it says nothing, its score does."""
        if answer.prediction is not None:
            return is_same(answer.prediction, self.positive)
        return answer.score is not None and answer.score >= HALF

    def is_right(self, answer: Answer) -> bool:
        """Whether an answer is what its label says."""
        if answer.prediction is not None:
            return is_same(answer.prediction, answer.label)
        return self.is_positive(answer) == is_same(answer.label, self.positive)

    def close(self, day: int | str, weekday: int, answers: list[Answer]) -> set[str]:
        """Take a day that is over; return which kinds of alarm begin."""
        found = set()
        scored = [answer for answer in answers if answer.score is not None]
        if scored and self.scores:
            window = [answer.score for answer in scored if answer.score is not None]
            if self.score_watch.look(self.scores.log_p(window, weekday, self.score_watch.signals)):
                found.add("data")
        if self._estimate(day, scored) or self._judge_cohorts():
            found.add("performance")
        return found

    def _estimate(self, day: int | str, scored: Sequence[Answer]) -> bool:
        if not scored or self.calibration is None:
            return False
        right = [self.calibration.right(answer.score or 0.0, is_positive=self.is_positive(answer)) for answer in scored]
        self.estimates[day] = fmean(right)
        self.usual = self.usual or self._usually_wrong(scored)
        watch = self.estimate_watch
        return watch.look(self.usual.log_p([1.0 - chance for chance in right], watch.signals))

    def _usually_wrong(self, scored: Sequence[Answer]) -> Rate:
        """Return how often the reference is wrong by the threshold that the first day's answers show."""
        low = max((answer.score or 0.0 for answer in scored if not self.is_positive(answer)), default=HALF)
        high = min((answer.score or 0.0 for answer in scored if self.is_positive(answer)), default=HALF)
        threshold = HALF if low <= HALF <= high else (low + high) / 2
        wrong = fmean((score >= threshold) != is_same(label, self.positive) for score, label in self.labelled)
        return Rate(wrong, len(self.labelled), only_more=True)

    def _judge_cohorts(self) -> bool:
        """Judge the days whose labels are complete, each once."""
        found = False
        for day, cohort in list(self.cohorts.items()):
            wrong = cohort.wrong(self.is_right) if cohort.has_stopped and self.usual else {}
            if wrong and self._is_mixed(wrong):
                found |= self.label_watch.look(self._log_p(wrong))
                del self.cohorts[day]
            cohort.today = 0
        return found

    def _is_mixed(self, wrong: Mapping[str, Sequence[float]]) -> bool:
        """Whether no label is lacking of which some should be there."""
        of = sum(map(len, wrong.values()))
        return all(label in wrong or part * of < SOME for label, part in self.mix.items())

    def _log_p(self, wrong: Mapping[str, Sequence[float]]) -> float:
        """Return the bound of a day's answers as they are, or as they would be with the reference's mix of labels.

        The weaker of the two: where labels of one kind come sooner, the mix alone makes accuracy look different.
        """
        watch, usual = self.label_watch, self.usual or Rate(0.0, 1)
        plain = usual.log_p([each for found in wrong.values() for each in found], watch.signals)
        parts = {label: self.mix.get(label, 0.0) for label in wrong}
        if not (of := sum(parts.values())):
            return plain
        mixed = sum(part / of * fmean(wrong[label]) for label, part in parts.items())
        count = 1.0 / sum((part / of) ** 2 / len(wrong[label]) for label, part in parts.items())
        return max(plain, usual.log_p_of(mixed, count, watch.signals))

    def by_version(self, answers: Iterable[Answer]) -> tuple[dict[str, float | None], dict[str, float | None]]:
        """Return accuracy and area under the curve of each version, by the latest labels; None of none."""
        found: dict[str, list[Answer]] = defaultdict(list)
        for answer in answers:
            found[answer.version] += [answer] if answer.label is not NONE else []
        right = {version: fmean(map(self.is_right, rows)) if rows else None for version, rows in sorted(found.items())}
        return right, {version: auc(self._scored(rows)) for version, rows in sorted(found.items())}

    def _scored(self, answers: Iterable[Answer]) -> list[tuple[float, bool]]:
        return [(answer.score, is_same(answer.label, self.positive)) for answer in answers if answer.score is not None]


def _plain(label: Any) -> str:
    """Return a label in one way of writing: 1, 1.0 and true are the same."""
    return str(float(label) if isinstance(label, int | float) else label)


def _positive(labelled: Sequence[tuple[float, Any]]) -> Any:
    """Return the label that high scores go with: 1 where there are none, NONE where there are more than two."""
    scores: dict[str, list[float]] = defaultdict(list)
    labels = {str(label): label for _, label in labelled}
    for score, label in labelled:
        scores[str(label)].append(score)
    if len(labels) > PAIR:
        return NONE
    if len(labels) < PAIR or all(isinstance(label, int | float) for label in labels.values()):
        return max((1, *(label for label in labels.values() if isinstance(label, int | float))))
    return labels[max(scores, key=lambda label: fmean(scores[label]))]
