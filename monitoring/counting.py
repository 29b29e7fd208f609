"""Counts requests and labels into the tallies of watched rollouts: each request once, each first label once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core import clock
from monitoring.evidence import FAILED_FROM
from monitoring.models import Prediction, Watch
from monitoring.stats.judge import Tally, of_document, to_document
from serving.contract import SHARES

Key = tuple[str, str]
OK = 200


@dataclass
class Units:
    """Sticky units of one rollout seen, failed or mispredicted before: only a unit's first proves anything."""

    seen: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)

    @staticmethod
    def is_new(unit: str, known: set[str]) -> bool:
        """Return whether `unit` is new to `known`, and know it from now on; without a unit each request is its own."""
        if not unit:
            return True
        is_new = unit not in known
        known.add(unit)
        return is_new


def count(rows: Iterable[Prediction], labels: Mapping[Key, Any], *, last_entry: str = "", silent: bool = False) -> None:
    """Count what can be counted of `rows` (changed in place, saved by the caller) and save the tallies.

    `silent`: rows whose model left no record are known to have none. Call inside the transaction that saves the rows.
    """
    rows = [row for row in rows if row.routed]
    watches = {
        watch.rollout: watch
        for watch in Watch.objects.select_for_update().filter(rollout__in={row.rollout for row in rows}, ended_at=None)
    }
    tallies = {rollout: of_document(watch.tally) for rollout, watch in watches.items()}
    units = {rollout: _units(rollout, rows) for rollout in watches}
    for row in rows:
        tally = tallies.get(row.rollout)
        if row.counted is None:
            _count_request(row, tally, units.get(row.rollout) or Units(), silent=silent)
        if (row.endpoint, row.request_id) in labels:
            _count_label(row, labels[row.endpoint, row.request_id], tally, units.get(row.rollout) or Units())
    for rollout, watch in watches.items():
        watch.tally = to_document(tallies[rollout])
        watch.last_entry = last_entry or watch.last_entry
        watch.save(update_fields=["tally", "last_entry"])


def _units(rollout: str, rows: Iterable[Prediction]) -> Units:
    named = {row.unit for row in rows if row.unit and row.rollout == rollout}
    found = Units()
    if not named:
        return found
    earlier = Prediction.objects.filter(rollout=rollout, unit__in=named, counted=True)
    for unit, status, correct in earlier.values_list("unit", "status", "correct"):
        found.seen.add(unit)
        if status >= FAILED_FROM or not status:
            found.failed.add(unit)
        if correct is False:
            found.wrong.add(unit)
    return found


def _count_request(row: Prediction, tally: Tally | None, units: Units, *, silent: bool) -> None:
    """A router's line without a model's record is a failure of its track: a crashed canary counts against itself."""
    if tally is None:
        row.counted, row.why_not = False, "not judged"
        return
    if row.status == OK and not row.answered and not silent:
        return
    failed = row.status != OK or not row.answered
    tally.request(
        in_canary=row.track == "canary",
        share=_share(row),
        failed=failed,
        is_first=units.is_new(row.unit, units.seen),
        may_bet=not failed or units.is_new(row.unit, units.failed),
        in_step=row.step == tally.step,
    )
    row.counted = True


def _share(row: Prediction) -> float:
    """Return the chance with which the request was drawn into the canary."""
    part = row.share / SHARES
    return part if row.track == "canary" else 1.0 - part


def _count_label(row: Prediction, value: Any, tally: Tally | None, units: Units) -> None:
    """The first label is told to the tally; a later one corrects the record and proves nothing more."""
    if not row.answered or (row.counted is None):
        return
    is_first = row.correct is None
    row.correct = is_same(row.prediction, value)
    row.labelled_at = row.labelled_at or clock.now()
    if is_first and row.counted and tally:
        tally.label(
            in_canary=row.track == "canary",
            share=_share(row),
            wrong=not row.correct,
            may_bet=row.correct or units.is_new(row.unit, units.wrong),
            in_step=row.step == tally.step,
        )


def is_same(prediction: Any, label: Any) -> bool:
    """Return whether a prediction is what was true: a number by value, a text as it is, a list item by item."""
    prediction, label = _bare(prediction), _bare(label)
    if isinstance(prediction, list) or isinstance(label, list):
        both = (prediction, label)
        return (
            all(isinstance(side, list) for side in both)
            and len(prediction) == len(label)
            and all(map(is_same, prediction, label))
        )
    numbers = [value for value in (prediction, label) if isinstance(value, int | float)]
    if len(numbers) == 1:
        return str(prediction) == str(label)
    return bool(prediction == label)


def _bare(value: Any) -> Any:
    """Return the one value that a list or record of one holds."""
    while isinstance(value, list | dict) and len(value) == 1:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value
