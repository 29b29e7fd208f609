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
Key = tuple[str, str]


@dataclass(frozen=True)
class Given:
    """One label as it was sent."""

    request_id: str
    value: Any


def given(said: Sequence[Any]) -> list[Given]:
    """Return the labels that `said` holds; raise Invalid naming the first that is none, and then nothing is taken."""
    if len(said) > MOST:
        raise TooLarge(f"{len(said):,} labels are too many for one call: {MOST:,} at most.")
    return [_given(place, item) for place, item in enumerate(said)]


def _given(place: int, item: Any) -> Given:
    if not isinstance(item, Mapping) or not {"request_id", "label"} <= item.keys():
        raise Invalid(f"Label {place}: expected an object with request_id and label.", field=f"labels[{place}]")
    request_id, value = item["request_id"], item["label"]
    if not isinstance(request_id, str) or not 0 < len(request_id) <= LONGEST:
        raise Invalid(f"Label {place}: request_id is a text of 1 to {LONGEST} characters.", field=f"labels[{place}]")
    if value is None or isinstance(value, dict):
        raise Invalid(f"Label {place}: label is a number, a text, true or false, or a list.", field=f"labels[{place}]")
    return Given(request_id, value)


def record_labels(endpoint: str, labels: Sequence[Given], *, actor: Actor) -> dict[str, int]:
    """Keep the labels; return how many were `new`, `revised`, `repeated`, and how many `waiting` for a prediction.

    Repeating a call changes nothing. A verdict takes the first label of a request; reports take the latest.
    Raises Denied without the permission to give labels.
    """
    about = Subject("endpoint", endpoint, endpoint)
    require(actor, Permission.LABEL_GIVE, f"give labels for {endpoint}", about=about)
    latest = {label.request_id: label.value for label in labels}
    with transaction.atomic("telemetry"):
        known = _known(endpoint, list(latest))
        made = [
            row
            for request_id, value in latest.items()
            if (row := _revision(endpoint, request_id, value, known, actor.name))
        ]
        Label.objects.bulk_create(made, batch_size=500)
        keys = {(row.endpoint, row.request_id) for row in made}
        rows = rows_of(keys)
        counting.count(rows.values(), {(row.endpoint, row.request_id): row.value for row in made})
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


def _revision(endpoint: str, request_id: str, value: Any, known: Mapping[str, Label], by: str) -> Label | None:
    before = known.get(request_id)
    if before and before.value == value:
        return None
    number = before.revision + 1 if before else 1
    return Label(endpoint=endpoint, request_id=request_id, value=value, revision=number, received_at=clock.now(), by=by)
