"""Requests, decisions on them, and broken glass."""

import hashlib
from collections.abc import Iterator

from audit.replay.story import Body, Kind, Word, by_key
from registry.models import ApprovalRequest, BrokenGlass, Decision
from registry.models.approvals import ALL
from registry.replayed.readers import about, says


def _decision(body: Body) -> Iterator[Word]:
    key = _of(about(body), body["actor"]["id"], body["after"].get("up_to_pct", ALL))
    yield Word(key, f"{body['after']['verdict']} {body['facts']['subject']}")


def _of(request: object, person: object, up_to_pct: int) -> str:
    """Name a decision: a person may say how far she goes more than once."""
    return f"{request}/{person}" + (f"/{up_to_pct}" if up_to_pct < ALL else "")


def _decision_rows() -> Iterator[tuple[str, str]]:
    names = ("request_id", "person_id", "up_to_pct", "verdict", "subject_digest")
    for request, person, up_to_pct, verdict, digest in Decision.objects.order_by("pk").values_list(*names).iterator():
        yield _of(request, person, up_to_pct), f"{verdict} {digest}"


def _subject_rows() -> Iterator[tuple[str, str]]:
    """The digest of what stands in the row; where the row's own word for it is another, both."""
    rows = ApprovalRequest.objects.order_by("pk").values_list("pk", "subject", "subject_digest")
    for key, subject, digest in rows.iterator(chunk_size=500):
        measured = hashlib.sha256(bytes(subject)).hexdigest()
        yield str(key), digest if measured == digest else f"{digest}, of a subject that is {measured}"


STATES = ("withdrawn", "expired", "superseded", "executed")
REQUESTS = (
    Kind(
        "request", "state of",
        {
            "request.opened": says(lambda _: "open"),
            **{
                name: says(lambda body: body["after"].get("state"))
                for name in ("request.decided", "glass.broken", *(f"request.{state}" for state in STATES))
            },
        },
        by_key(lambda: ApprovalRequest.objects.order_by("pk").values_list("pk", "state"), "{}"),
    ),
    Kind("subject", "subject of", {"request.opened": says(lambda body: body["facts"]["subject"])}, _subject_rows),
    Kind("decision", "decision on", {"request.decided": _decision}, _decision_rows),
    Kind(
        "glass", "broken glass of", {"glass.broken": says(lambda body: f"user {body['actor']['id']}")},
        lambda: (
            (str(key), f"user {person}")
            for key, person in BrokenGlass.objects.order_by("pk").values_list("request_id", "person_id").iterator()
        ),
    ),
)  # fmt: skip
