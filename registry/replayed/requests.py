"""Requests, decisions on them, and broken glass."""

import hashlib
from collections.abc import Callable, Iterator

from django.db.models import QuerySet

from audit.replay.story import Body, Kind, Word
from registry.models import ApprovalRequest, BrokenGlass, Decision
from registry.models.approvals import ALL, RequestState
from registry.replayed.readers import Reader, about, gone, says

Requests = QuerySet[ApprovalRequest]
Rows = Iterator[tuple[str, str]]


def _decision(body: Body) -> Iterator[Word]:
    key = _of(about(body), body["actor"]["id"], body["after"].get("up_to_pct", ALL))
    yield Word(key, f"{body['after']['verdict']} {body['facts']['subject']}")


def _of(request: object, person: object, up_to_pct: int) -> str:
    """Name a decision: a person may say how far she goes more than once."""
    return f"{request}/{person}" + (f"/{up_to_pct}" if up_to_pct < ALL else "")


def _ceiling(body: Body) -> Iterator[Word]:
    """How far what was let through reaches: told by who approves, or breaks the glass; nothing while it is open."""
    if body["after"].get("state") == RequestState.APPROVED:
        yield Word(about(body), _up_to(body["after"].get("ceiling_pct", ALL)))


def _up_to(pct: int) -> str:
    return f"up to {pct} %"


def _states(found: Requests) -> Rows:
    for key, state in found.values_list("pk", "state").iterator():
        yield str(key), state


def _subjects(found: Requests) -> Rows:
    """The digest of what stands in the row; where the row's own word for it is another, both."""
    for key, subject, digest in found.values_list("pk", "subject", "subject_digest").iterator(chunk_size=500):
        measured = hashlib.sha256(bytes(subject)).hexdigest()
        yield str(key), digest if measured == digest else f"{digest}, of a subject that is {measured}"


def _ceilings(found: Requests) -> Rows:
    through = found.filter(state__in=[RequestState.APPROVED, RequestState.EXECUTED])
    for key, pct in through.values_list("pk", "ceiling_pct").iterator():
        yield str(key), _up_to(pct)


def _decisions(found: Requests) -> Rows:
    names = ("request_id", "person_id", "up_to_pct", "verdict", "subject_digest")
    rows = Decision.objects.filter(request__in=found).order_by("pk")
    for request, person, up_to_pct, verdict, digest in rows.values_list(*names).iterator():
        yield _of(request, person, up_to_pct), f"{verdict} {digest}"


def _glasses(found: Requests) -> Rows:
    rows = BrokenGlass.objects.filter(request__in=found).order_by("pk").values_list("request_id", "person_id")
    for key, person in rows.iterator():
        yield str(key), f"user {person}"


def _kind(name: str, words: str, tells: dict[str, Reader], read: Callable[[Requests], Rows]) -> Kind:
    """Return the kind; its rows of one request are found by the same `read`."""
    READ[name] = read
    return Kind(name, words, tells, lambda: read(ApprovalRequest.objects.order_by("pk")))


READ: dict[str, Callable[[Requests], Rows]] = {}
STATES = ("withdrawn", "expired", "superseded", "executed")
ENDED: dict[str, Reader] = {f"request.{state}": gone for state in STATES if state != "executed"}
REQUESTS = (
    _kind(
        "request", "state of",
        {
            "request.opened": says(lambda _: "open"),
            **{
                name: says(lambda body: body["after"].get("state"))
                for name in ("request.decided", "glass.broken", *(f"request.{state}" for state in STATES))
            },
        },
        _states,
    ),
    _kind("subject", "subject of", {"request.opened": says(lambda body: body["facts"]["subject"])}, _subjects),
    _kind("ceiling", "reach of", {"request.decided": _ceiling, "glass.broken": _ceiling, **ENDED}, _ceilings),
    _kind("decision", "decision on", {"request.decided": _decision}, _decisions),
    _kind("glass", "broken glass of", {"glass.broken": says(lambda body: f"user {body['actor']['id']}")}, _glasses),
)  # fmt: skip


def rows_of(request: ApprovalRequest) -> Iterator[tuple[Kind, str, str]]:
    """Yield every row of one request that the ledger tells of, as kind, key and value."""
    only = ApprovalRequest.objects.filter(pk=request.pk)
    for kind in REQUESTS:
        yield from ((kind, key, value) for key, value in READ[kind.name](only))
