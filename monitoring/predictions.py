"""Finds and writes the rows of predictions, many at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.minutes import reopen
from monitoring.models import Copy, Label, Prediction

Key = tuple[str, str]
OK = 200
TOLD = ("", "not judged", "warm-up")  # of Prediction.why_not: what callers asked, not copies, repetitions or refusals
KEYS = ["endpoint", "request_id"]
REST = [field.name for field in Prediction._meta.fields if field.name not in {*KEYS, "id"}]


def rows_of(keys: set[Key]) -> dict[Key, Prediction]:
    """Return the rows that are there already."""
    found: dict[Key, Prediction] = {}
    for endpoint in {endpoint for endpoint, _ in keys}:
        ids = [request_id for name, request_id in keys if name == endpoint]
        for start in range(0, len(ids), 500):
            rows = Prediction.objects.filter(endpoint=endpoint, request_id__in=ids[start : start + 500])
            found.update({(row.endpoint, row.request_id): row for row in rows})
    return found


@dataclass(frozen=True)
class Known:
    """All that is known of one request: its row, what was true of it by and by, and what became of its copy."""

    row: Prediction
    labels: list[Label]
    copy: Copy | None


def known(endpoint: str, request_id: str) -> Known | None:
    """Return what is known of a request, or None of one that is not kept."""
    its = {"endpoint": endpoint, "request_id": request_id}
    row = Prediction.objects.filter(**its).first()
    if row is None:
        return None
    return Known(row, list(Label.objects.filter(**its).order_by("-revision")), Copy.objects.filter(**its).first())


def save(rows: Iterable[Prediction]) -> None:
    """Write the rows, new or not, in few statements."""
    rows = list(rows)
    for row in rows:
        row.pk = None  # an earlier row is found by its key
    reopen((row.endpoint, row.at) for row in rows)
    Prediction.objects.bulk_create(rows, batch_size=500, update_conflicts=True, unique_fields=KEYS, update_fields=REST)
