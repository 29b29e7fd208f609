"""Counts requests and labels into the tallies of watched rollouts: each request once, each first label once."""

from collections.abc import Iterable, Mapping

from django.db.models import Q

from core import clock
from monitoring.models import Label, Prediction, Watch
from monitoring.stats.answers import is_same
from monitoring.stats.documents import of_document, to_document
from monitoring.stats.outcomes import Judged, Request
from monitoring.stats.tally import Tally
from monitoring.stats.units import Proof, Units
from serving.contract import SHARES

Key = tuple[str, str]
OK = 200
WARMUP = "warm-up"


def count(
    rows: Iterable[Prediction], labels: Mapping[Key, Label], *, last_entry: str = "", silent: bool = False
) -> None:
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
    for row in sorted(rows, key=lambda row: row.at):
        if row.counted is None and not row.drawn and (tally := tallies.get(row.rollout)):
            _draw(row, tally, units[row.rollout])
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
    """Return what the units of `rows` proved before."""
    named = {row.unit for row in rows if row.unit and row.rollout == rollout}
    found = Units()
    if not named:
        return found
    earlier = Prediction.objects.filter(rollout=rollout, unit__in=named).filter(
        Q(counted=True) | Q(drawn=True) | Q(counted=False, why_not=WARMUP)
    )
    for row in earlier.only("unit", "status", "answered", "correct", "slow", "worth", "counted"):
        found.known[Proof.SEEN].add(row.unit)
        proved = {Proof.FAILED: _failed(row), Proof.SLOW: row.slow, Proof.WRONG: row.correct is False}
        proved[Proof.VALUED] = row.worth is not None
        for proof in (proof for proof, holds in proved.items() if holds and row.counted):
            found.known[proof].add(row.unit)
    return found


def _failed(row: Prediction) -> bool:
    """A router's line without a model's record is a failure of its track: a crashed canary counts against itself."""
    return row.status != OK or not row.answered


def _count_request(row: Prediction, tally: Tally | None, units: Units, *, silent: bool) -> None:
    if tally is None:
        row.counted, row.why_not = False, "not judged"
        return
    if row.status == OK and not row.answered and not silent:
        return
    row.counted, row.slow = True, tally.outcome(_request(row), units).get("latency")


def _draw(row: Prediction, tally: Tally, units: Units) -> None:
    """Tell the tally of a request once the router's line is here: model servers' records come in runs of one track."""
    row.drawn = tally.draw(_request(row), units)
    if not row.drawn:
        row.counted, row.why_not = False, WARMUP


def _request(row: Prediction) -> Request:
    return Request(
        row.track == "canary", _share(row), _failed(row), row.unit,
        latency_ms=row.latency_ms, step=row.step, at_s=row.at.timestamp(),
    )  # fmt: skip


def _share(row: Prediction) -> float:
    """Return the chance with which the request was drawn into the canary."""
    return (row.share if row.track == "canary" else SHARES - row.share) / SHARES


def _count_label(row: Prediction, label: Label, tally: Tally | None, units: Units) -> None:
    """The first label is told to the tally, and the first worth; a later one corrects the record and proves nothing."""
    if not row.answered or (row.counted is None):
        return
    told = tally if row.counted else None
    if label.value is not None:
        is_first, row.correct = row.correct is None, is_same(row.prediction, label.value)
        row.labelled_at = row.labelled_at or clock.now()
        if is_first and told:
            told.label(Judged(row.track == "canary", _share(row), not row.correct, row.unit, step=row.step), units)
    if label.worth is not None:
        is_first, row.worth = row.worth is None, label.worth
        if is_first and told:
            told.worth(
                Request(row.track == "canary", _share(row), False, row.unit, value=label.worth, step=row.step), units
            )
