"""Answers to copies of requests: kept apart from the callers' own, compared with them, never returned to anybody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Avg, Count, Q, QuerySet

from core import clock
from monitoring.models import Copy, Prediction
from monitoring.predictions import rows_of
from monitoring.stats.agreement import Copies, apart, is_alike
from serving.contract import Inference

OK = 200
WAITS = timedelta(seconds=60)  # for the other half of a pair; then it is not compared
MOST = 5_000  # pairs a call
SHADOW = "shadow"


def keep(answers: Iterable[Inference]) -> None:
    """Keep answers to copies; one that comes again changes nothing. Call inside the transaction of the batch."""
    rows = [_row(said) for said in answers]
    Copy.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


def _row(said: Inference) -> Copy:
    return Copy(
        endpoint=said.endpoint, request_id=said.request_id, at=datetime.fromtimestamp(said.at_ms / 1000, UTC),
        version=said.version, digest=said.digest, status=said.status, latency_ms=said.latency_ms,
        prediction=said.prediction, score=said.score,
    )  # fmt: skip


def settle(endpoint: str) -> int:
    """Compare answers to copies with those the callers got; return how many. Safe to call from several at once."""
    waiting = list(Copy.objects.filter(endpoint=endpoint, compared=None).order_by("pk")[:MOST])
    live = rows_of({(row.endpoint, row.request_id) for row in waiting})
    settled = [row for row in waiting if _compare(row, live.get((row.endpoint, row.request_id)))]
    Copy.objects.bulk_update(settled, ["compared", "rollout", "alike", "apart", "scores_apart"], batch_size=500)
    return len(settled)


def _compare(row: Copy, live: Prediction | None) -> bool:
    """Compare one copy, in place; return whether that is settled. What the live version failed at proves nothing."""
    if live is None or not live.routed or (not live.answered and live.status == OK):
        row.compared = False
        return row.at < clock.now() - WAITS
    row.rollout = live.rollout
    row.compared = live.status == OK
    if row.compared and row.status == OK:
        row.alike, row.apart = is_alike(live.prediction, row.prediction), apart(live.prediction, row.prediction)
        row.scores_apart = apart(live.score, row.score)
    return True


def standing(rollout: str, within: float) -> Copies:
    """Return what became of the copies that a rollout's version got; numbers `within` of each other agree."""
    rows = Copy.objects.filter(rollout=rollout, compared=True)
    found = rows.aggregate(
        compared=Count("pk"),
        agreeing=Count("pk", filter=_agreeing(within)),
        failed=Count("pk", filter=~Q(status=OK)),
        difference=Avg("apart"),
        score_difference=Avg("scores_apart"),
    )
    return Copies(**found)


def _agreeing(within: float) -> Q:
    return Q(alike=True) | Q(apart__lte=within)


@dataclass(frozen=True)
class Disagreement:
    """One request that two versions answered otherwise."""

    copy: Copy
    live: Prediction | None


def differing(rollout: str, within: float) -> QuerySet[Copy]:
    """Return the copies that were answered otherwise than the caller was, failures among them."""
    rows = Copy.objects.filter(rollout=rollout, compared=True)
    return rows.exclude(pk__in=rows.filter(_agreeing(within)).values("pk"))


def disagreements(found: Iterable[Copy]) -> list[Disagreement]:
    """Return copies with what the caller got, in the order in which they come."""
    rows = list(found)
    live = rows_of({(row.endpoint, row.request_id) for row in rows})
    return [Disagreement(row, live.get((row.endpoint, row.request_id))) for row in rows]
