"""Replays a history of a model: `python -m monitoring.stats.drift < history.jsonl` prints one JSON object.

The protocol is in docs/reference/replay-of-drift.md: a reference, then day by day what was predicted, labelled, gained.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from monitoring.stats.inputs import FeatureWatch
from monitoring.stats.lines import BadLine, Said, key_of, needed, number_of, run, shown
from monitoring.stats.outputs import NONE, SIGNALS, Answer, Cohort, ModelWatch
from monitoring.stats.uplift import Arm, Uplift, in_order, uplift
from monitoring.stats.weekdays import WEEK, WORKDAYS, weekday_of

Day = int | str


class History:
    """A history as far as it was read. A day is over when a later one begins; then its windows are judged."""

    def __init__(self, meta: Said) -> None:
        self.planned = number_of(meta, "planned_share", 1e-6, 1.0 - 1e-6)
        self.reference: list[Said] = []
        self.features: list[FeatureWatch] = []
        self.model: ModelWatch | None = None
        self.day: Day | None = None
        self.weekday: int | None = None  # of that day, where its rows say so
        self.columns: dict[str, list[Any]] = {}
        self.today: list[Answer] = []
        self.answers: dict[str, Answer] = {}
        self.cohort_of: dict[str, Day] = {}
        self.early: dict[str, Any] = {}
        self.arms: dict[str, Arm] = defaultdict(Arm)
        self.units: set[str] = set()
        self.feature_alarms: list[dict[str, Any]] = []
        self.model_alarms: list[dict[str, Any]] = []

    def take(self, said: Said) -> None:
        """Take one line."""
        takes = {"ref": self._ref, "row": self._row, "label": self._label, "kpi": self._kpi}
        kind = needed(said, "type")
        if not isinstance(kind, str) or kind not in takes:
            raise BadLine(f"type should be one of {', '.join(takes)} and is {shown(kind)}")
        takes[kind](said)

    def _ref(self, said: Said) -> None:
        if self.model is not None:
            raise BadLine("a line of the reference should come before the first row and label")
        _features(said)
        _weekday(said)
        number_of(said, "score")
        self.reference.append(said)

    def _row(self, said: Said) -> None:
        day, values = _day(said), _features(said)
        answer = Answer(key_of(said, "version") or "", number_of(said, "score"), said.get("prediction"))
        name = key_of(said, "prediction_id")
        if name is not None and name in self.answers:
            return  # told again
        model = self._until(day)
        if name is not None:
            self.answers[name] = answer
        if day == self.day:
            self._watch(model, day, answer, values)
            if not self.today[1:]:
                self.weekday = _weekday(said)
            if name is not None:
                self.cohort_of[name] = day
        if name is not None and name in self.early:
            self._tell(name, self.early.pop(name))

    def _watch(self, model: ModelWatch, day: Day, answer: Answer, values: Said) -> None:
        """Put a row into the windows of the day that is open."""
        self.today.append(answer)
        for feature, column in self.columns.items():
            column.append(values.get(feature))
        model.cohorts.setdefault(day, Cohort()).answers.append(answer)

    def _label(self, said: Said) -> None:
        day, name, label = _day(said), key_of(said, "prediction_id"), needed(said, "label")
        if name is None:
            raise BadLine("prediction_id is missing")
        self._until(day)
        if label is None:
            return
        if name in self.answers:
            self._tell(name, label)
        else:
            self.early[name] = label

    def _tell(self, name: str, label: Any) -> None:
        """Give a prediction its label; a later one takes the place of the earlier."""
        answer = self.answers[name]
        day = self.cohort_of.get(name)
        cohort = self.model.cohorts.get(day) if self.model and day is not None else None
        if cohort and answer.label is NONE:
            cohort.labelled += 1
            cohort.today += 1
        answer.label = label

    def _kpi(self, said: Said) -> None:
        unit, version = key_of(said, "unit"), key_of(said, "version")
        before, after = number_of(said, "pre"), number_of(said, "post")
        if version is None:
            raise BadLine("version is missing")
        if after is None or (unit is not None and unit in self.units):
            return
        self.arms[version].units.append((before, after))
        if unit is not None:
            self.units.add(unit)

    def _until(self, day: Day) -> ModelWatch:
        """Close what is before `day`. What comes for a day that is closed is labelled and counted, and not watched."""
        if self.day is not None and type(day) is not type(self.day):
            raise BadLine(f"day should be a {'date' if isinstance(self.day, str) else 'whole number'} as before")
        if self.model is None:
            self.model = self._begun()
        if self.day is None or day > self.day:  # type: ignore[operator]  # they are of one type
            self._close()
            self.day, self.weekday = day, None
            self.columns = {feature.name: [] for feature in self.features}
        return self.model

    def _begun(self) -> ModelWatch:
        """Return the watch on the model; the reference is complete."""
        names = dict.fromkeys(name for line in self.reference for name in line["x"])
        dated = [(_weekday(line), line) for line in self.reference]
        columns = {name: [(weekday, line["x"].get(name)) for weekday, line in dated] for name in names}
        self.features = [FeatureWatch(name, column) for name, column in columns.items()]
        signals = sum(feature.size for feature in self.features) + SIGNALS
        for feature in self.features:
            feature.begin(signals)
        scores = [(weekday, number_of(line, "score")) for weekday, line in dated if line.get("score") is not None]
        pairs = [(line["score"], line["label"]) for line in self.reference if _is_told(line, "score", "label")]
        self.reference = []
        return ModelWatch(scores, pairs, signals)

    def _close(self) -> None:
        """Judge the day that is over."""
        if self.day is None or self.model is None:
            return
        weekday = weekday_of(self.day) if self.weekday is None else self.weekday
        for feature in self.features if self.today else ():
            if feature.look(self.columns[feature.name], weekday):
                self.feature_alarms.append({"feature": feature.name, "day": self.day})
        for kind in sorted(self.model.close(self.day, weekday, self.today)):
            self.model_alarms.append({"kind": kind, "day": self.day})
        self.today = []

    def answer(self) -> dict[str, Any]:
        """Return the answer; the last day is over too."""
        self._close()
        model = self.model or self._begun()
        accuracy, area = model.by_version(self.answers.values())
        return {
            "feature_alarms": self.feature_alarms,
            "model_alarms": self.model_alarms,
            "est_accuracy": {str(day): estimate for day, estimate in model.estimates.items()},
            "accuracy": accuracy,
            "auc": area,
            "uplift": self._uplift().told,
        }

    def _uplift(self) -> Uplift:
        versions = in_order(list(self.arms))
        if len(versions) < len(("baseline", "candidate")):
            return Uplift(why_not="there are not two versions")
        return uplift(self.arms[versions[0]], self.arms[versions[-1]], self.planned)


def _is_told(said: Said, *names: str) -> bool:
    return all(said.get(name) is not None for name in names)


def _features(said: Said) -> Said:
    values = needed(said, "x")
    if not isinstance(values, dict):
        raise BadLine(f"x should be an object of features and is {shown(values)}")
    return values


def _day(said: Said) -> Day:
    """Return a day: a whole number, or a date."""
    day = needed(said, "day")
    if isinstance(day, str):
        try:
            return date.fromisoformat(day).isoformat()
        except ValueError:
            raise BadLine(f"day should be a whole number or a date and is {shown(day)}") from None
    number = number_of(said, "day")
    if number is None or not number.is_integer():
        raise BadLine(f"day should be a whole number or a date and is {shown(day)}")
    return int(number)


def _weekday(said: Said) -> int | None:
    """Return a weekday from 0, Monday, to 6; a truth says whether it is a workday."""
    weekday = said.get("weekday")
    if isinstance(weekday, bool):
        return 0 if weekday else WORKDAYS
    number = number_of(said, "weekday", min(WEEK), max(WEEK))
    return None if number is None else int(number)


def _begun(meta: Said) -> History:
    if (kind := needed(meta, "type")) != "meta":
        raise BadLine(f"the first line should be of type meta and is {shown(kind)}")
    return History(meta)


def replay(log: Iterable[tuple[int, Said]]) -> dict[str, Any]:
    """Return what a history of numbered lines amounts to. Raises BadLine."""
    history: History | None = None
    for number, said in log:
        try:
            if history:
                history.take(said)
            else:
                history = _begun(said)
        except BadLine as why:
            raise BadLine(f"line {number}: {why}.") from why
    if history is None:
        raise BadLine("line 1: expected a line of type meta; there is none.")
    return history.answer()


if __name__ == "__main__":
    sys.exit(run(replay))
