"""Takes what was true, whenever it comes: before the prediction, weeks after it, twice, or otherwise than before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require
from audit.record import Subject
from core import clock
from core.refusals import Invalid, TooLarge
from monitoring import counting
from monitoring.models import Label
from monitoring.predictions import rows_of, save

MOST = 10_000  # labels a call
LONGEST = 128
SEGMENT = 64
SKEW = timedelta(minutes=5)
DEAREST = 1e15
Key = tuple[str, str]


@dataclass(frozen=True)
class Given:
    """What was sent of one request: what was true, or what it was worth, or both."""

    request_id: str
    value: Any = None
    worth: float | None = None
    at: datetime | None = None  # since when it was true, where that was said
    segment: str = ""  # which part of the callers the request belongs to


def given(said: Sequence[Any]) -> list[Given]:
    """Return the labels that `said` holds; raise Invalid naming the first that is none, and then nothing is taken."""
    if len(said) > MOST:
        raise TooLarge(f"{len(said):,} labels are too many for one call: {MOST:,} at most.")
    return [_given(place, item) for place, item in enumerate(said)]


def _given(place: int, item: Any) -> Given:
    try:
        return one(item)
    except Invalid as why:
        raise Invalid(f"Label {place}: {why.message}", field=f"labels[{place}]") from why


def one(item: Any) -> Given:
    """Return one label; raise Invalid saying why it is none."""
    if not isinstance(item, Mapping) or "request_id" not in item or not item.keys() & {"label", "value"}:
        raise Invalid("expected an object with request_id and label, or value.")
    request_id, value, worth, segment = item["request_id"], item.get("label"), item.get("value"), item.get("segment")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= LONGEST:
        raise Invalid(f"request_id is a text of 1 to {LONGEST} characters.")
    if isinstance(value, dict) or (value is None and "label" in item):
        raise Invalid("label is a number, a text, true or false, or a list.")
    if not _is_finite(value):
        raise Invalid("label is no number: NaN and infinity say nothing that could be right.")
    if "value" in item and not _is_worth(worth):
        raise Invalid("value is a number, what the request was worth.")
    if segment is not None and (not isinstance(segment, str) or len(segment) > SEGMENT):
        raise Invalid(f"segment is a text of up to {SEGMENT} characters.")
    at = None if item.get("at") is None else _moment(item["at"])
    return Given(request_id, value, None if worth is None else float(worth), at, segment or "")


def _is_finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def _moment(said: Any) -> datetime:
    """Return a moment that is not in the future; a clock may be a few minutes ahead of ours."""
    try:
        moment = datetime.fromisoformat(said)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise Invalid("at is a moment such as 2026-11-24T15:00Z.") from None
    if moment > (now := clock.now()) + SKEW:
        raise Invalid(f"at is in the future: {moment:%Y-%m-%d %H:%M:%S%z}, and it is {now:%Y-%m-%d %H:%M:%S%z}.")
    return moment


def _is_worth(said: Any) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= DEAREST


def require_giver(endpoint: str, actor: Actor) -> None:
    """Return where `actor` may give labels for the endpoint; raise Denied otherwise."""
    about = Subject("endpoint", endpoint, endpoint)
    require(actor, Permission.LABEL_GIVE, f"give labels for {endpoint}", about=about)


def record_labels(endpoint: str, labels: Sequence[Given], *, actor: Actor) -> dict[str, int]:
    """Keep the labels; return how many were `new`, `revised`, `repeated`, and how many `waiting` for a prediction.

    Repeating a call changes nothing. A verdict takes the first label of a request; reports take the latest.
    Raises Denied without the permission to give labels.
    """
    require_giver(endpoint, actor)
    latest: dict[str, Given] = {}
    for label in labels:
        latest[label.request_id] = _joined(latest.get(label.request_id), label)
    with transaction.atomic("telemetry"):
        known = _known(endpoint, list(latest))
        made = [row for label in latest.values() if (row := _revision(endpoint, label, known, actor.name))]
        Label.objects.bulk_create(made, batch_size=500)
        keys = {(row.endpoint, row.request_id) for row in made}
        rows = rows_of(keys)
        counting.count(rows.values(), {(row.endpoint, row.request_id): row for row in made})
        save(rows.values())
    told = Counter("new" if row.revision == 1 else "revised" for row in made)
    return {
        "new": told["new"],
        "revised": told["revised"],
        "repeated": len(labels) - len(made),
        "waiting": len(keys - {key for key, row in rows.items() if row.answered}),
    }


def _known(endpoint: str, ids: list[str]) -> dict[str, Label]:
    found: dict[str, Label] = {}
    for start in range(0, len(ids), 500):
        rows = Label.objects.filter(endpoint=endpoint, request_id__in=ids[start : start + 500]).order_by("revision")
        found.update({row.request_id: row for row in rows})
    return found


def _joined(before: Given | None, label: Given) -> Given:
    """Return what two words on one request say together; the later one wins where it says something."""
    if before is None:
        return label
    value = before.value if label.value is None else label.value
    worth = before.worth if label.worth is None else label.worth
    return Given(label.request_id, value, worth, label.at or before.at, label.segment or before.segment)


def _revision(endpoint: str, label: Given, known: Mapping[str, Label], by: str) -> Label | None:
    """Return the next word on a request, with what was said before where it says nothing; None where nothing is new."""
    row = known.get(label.request_id)
    before = Given(row.request_id, row.value, row.worth, row.at, row.segment) if row else None
    said = _joined(before, label)
    if before == said:
        return None
    return Label(
        endpoint=endpoint, revision=row.revision + 1 if row else 1, received_at=clock.now(), by=by, **vars(said)
    )
