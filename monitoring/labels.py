"""Takes what was true, whenever it comes: before the prediction, weeks after it, twice, or otherwise than before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
DEAREST = 1e15
Key = tuple[str, str]


@dataclass(frozen=True)
class Given:
    """What was sent of one request: what was true, or what it was worth, or both."""

    request_id: str
    value: Any = None
    worth: float | None = None


def given(said: Sequence[Any]) -> list[Given]:
    """Return the labels that `said` holds; raise Invalid naming the first that is none, and then nothing is taken."""
    if len(said) > MOST:
        raise TooLarge(f"{len(said):,} labels are too many for one call: {MOST:,} at most.")
    return [_given(place, item) for place, item in enumerate(said)]


def _given(place: int, item: Any) -> Given:
    where = f"labels[{place}]"
    if not isinstance(item, Mapping) or "request_id" not in item or not item.keys() & {"label", "value"}:
        raise Invalid(f"Label {place}: expected an object with request_id and label, or value.", field=where)
    request_id, value, worth = item["request_id"], item.get("label"), item.get("value")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= LONGEST:
        raise Invalid(f"Label {place}: request_id is a text of 1 to {LONGEST} characters.", field=where)
    if isinstance(value, dict) or (value is None and "label" in item):
        raise Invalid(f"Label {place}: label is a number, a text, true or false, or a list.", field=where)
    if "value" in item and not _is_worth(worth):
        raise Invalid(f"Label {place}: value is a number, what the request was worth.", field=where)
    return Given(request_id, value, None if worth is None else float(worth))


def _is_worth(said: Any) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= DEAREST


def record_labels(endpoint: str, labels: Sequence[Given], *, actor: Actor) -> dict[str, int]:
    """Keep the labels; return how many were `new`, `revised`, `repeated`, and how many `waiting` for a prediction.

    Repeating a call changes nothing. A verdict takes the first label of a request; reports take the latest.
    Raises Denied without the permission to give labels.
    """
    about = Subject("endpoint", endpoint, endpoint)
    require(actor, Permission.LABEL_GIVE, f"give labels for {endpoint}", about=about)
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
    """Return what two words on one request say together; the later one wins."""
    if before is None:
        return label
    value = before.value if label.value is None else label.value
    return Given(label.request_id, value, before.worth if label.worth is None else label.worth)


def _revision(endpoint: str, label: Given, known: Mapping[str, Label], by: str) -> Label | None:
    """Return the next word on a request, with what was said before where it says nothing; None where nothing is new."""
    before = known.get(label.request_id)
    said = _joined(Given(before.request_id, before.value, before.worth), label) if before else label
    if before and (before.value, before.worth) == (said.value, said.worth):
        return None
    number = before.revision + 1 if before else 1
    told = {"request_id": said.request_id, "value": said.value, "worth": said.worth}
    return Label(endpoint=endpoint, **told, revision=number, received_at=clock.now(), by=by)
