"""Requests with their checks and rules, what was said of them, decisions on them, and broken glass."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from audit.replay.story import NOT_AS_TOLD, Body, Kind, Word
from core import clock
from registry import subjects
from registry.models import ApprovalRequest, BrokenGlass, Check, Comment, Decision, RequestRule
from registry.models.approvals import ALL, RequestState
from registry.replayed.models import person_word
from registry.replayed.readers import Reader, about, brief, gone, says

Requests = QuerySet[ApprovalRequest]
Rows = Iterator[tuple[str, str]]


def _decision(body: Body) -> Iterator[Word]:
    yield Word(_key(body), f"{body['after']['verdict']} {body['facts']['subject']}")


def _of(request: object, person: object, up_to_pct: int) -> str:
    """Name a decision: a person may say how far she goes more than once."""
    return f"{request}/{person}" + (f"/{up_to_pct}" if up_to_pct != ALL else "")


def _ceiling(body: Body) -> Iterator[Word]:
    """How far what was let through reaches: told by who approves, or breaks the glass; nothing while it is open."""
    if body["after"].get("state") == RequestState.APPROVED:
        yield Word(about(body), _up_to(body["after"].get("ceiling_pct", ALL)))


def _up_to(pct: int) -> str:
    return f"up to {pct} %"


def _states(found: Requests) -> Rows:
    for key, state in found.values_list("pk", "state").iterator():
        yield str(key), state


COLUMNS = ("model__uuid", "version__version", "requester_id", "move_key", "approvals_needed")


def _subjects(found: Requests) -> Rows:
    """The digest of what stands in the row; where the row's own words for it or for parts of it are others, both."""
    names = ("pk", "subject", "subject_digest", "expires_at", "glass__ends_at", *COLUMNS)
    for key, subject, digest, until, glass_ends_at, *columns in found.values_list(*names).iterator(chunk_size=500):
        measured = hashlib.sha256(bytes(subject)).hexdigest()
        repeated = dict(zip(COLUMNS, map(str, columns), strict=True)) | {"expires_at": clock.iso(until)}
        other = _others(bytes(subject), repeated, glass_ends_at)
        words = digest if measured == digest else f"{digest}, of a subject that is {measured}"
        yield str(key), f"{words}, but {', '.join(other)}" if other else words


def _others(subject: bytes, repeated: Mapping[str, str], glass_ends_at: datetime | None) -> list[str]:
    """Return the columns that do not repeat what the subject says. Broken glass ends a request earlier."""
    try:
        said: dict[str, Any] = json.loads(subject)
        meant = {
            "model__uuid": said["model"]["uuid"],
            "version__version": str(said["version"]),
            "requester_id": str(said["requester"]["id"]),
            "move_key": subjects.move_key(said),
            "approvals_needed": str(said["policy"]["approvals"]),
            "expires_at": clock.iso(glass_ends_at) if glass_ends_at else said["expires_at"],
        }
    except NOT_AS_TOLD:
        return ["it cannot be read"]
    return [f"{name} is {repeated[name]}" for name, value in meant.items() if repeated[name] != value]


def _ceilings(found: Requests) -> Rows:
    through = found.filter(state__in=[RequestState.APPROVED, RequestState.EXECUTED])
    for key, pct in through.values_list("pk", "ceiling_pct").iterator():
        yield str(key), _up_to(pct)


def _decisions(found: Requests) -> Rows:
    names = ("request_id", "person_id", "up_to_pct", "verdict", "subject_digest")
    for *key, verdict, digest in _decision_rows(found).values_list(*names).iterator():
        yield _of(*key), f"{verdict} {digest}"


def _broken(body: Body) -> str:
    facts = body["facts"]
    return _glass(body["actor"]["id"], facts["ends_at"], body["comment"], facts["overridden"])


def _glass(person: int, until: str, reason: str, overridden: list[str]) -> str:
    return f"user {person} until {until}: {brief(reason)} Instead of: {brief(' '.join(overridden))}"


def _glasses(found: Requests) -> Rows:
    names = ("request_id", "person_id", "ends_at", "reason", "overridden")
    for key, person, until, reason, overridden in _glass_rows(found).values_list(*names).iterator():
        yield str(key), _glass(person, clock.iso(until), reason, overridden)


def _glass_rows(found: Requests) -> QuerySet[BrokenGlass]:
    return BrokenGlass.objects.filter(request__in=found).order_by("pk")


def _reviews(found: Requests) -> Rows:
    names = ("request_id", "reviewed_by_id", "reviewed_at", "review")
    for key, person, at, review in _glass_rows(found).values_list(*names).iterator():
        if person or at or review:
            yield str(key), f"{person_word(person)}: {brief(review)}" + ("" if at else ", at no time")


def _voice(body: Body) -> Iterator[Word]:
    absent = body["facts"].get("for", "")
    yield Word(_key(body), _words(body["actor"]["via"], absent, body["comment"]))


def _key(body: Body) -> str:
    return _of(about(body), body["actor"]["id"], body["after"].get("up_to_pct", ALL))


def _words(via: str, absent: str, comment: str) -> str:
    return f"by {via}{f', for {absent}' if absent else ''}: {brief(comment)}"


def _voices(found: Requests) -> Rows:
    names = ("request_id", "person_id", "up_to_pct", "via", "for_person__username", "comment")
    for *key, via, absent, comment in _decision_rows(found).values_list(*names).iterator():
        yield _of(*key), _words(via, absent or "", comment)


def _decision_rows(found: Requests) -> QuerySet[Decision]:
    return Decision.objects.filter(request__in=found).order_by("pk")


def _groups(body: Body) -> Iterator[Word]:
    if "groups" in body["facts"]:
        yield Word(_key(body), ", ".join(body["facts"]["groups"]))


def _group_rows(found: Requests) -> Rows:
    for *key, groups in _decision_rows(found).values_list("request_id", "person_id", "up_to_pct", "groups").iterator():
        yield _of(*key), ", ".join(groups)


def _checks(body: Body) -> Iterator[Word]:
    """As they were measured: when the request was opened, and again when somebody decided while they were pending."""
    for said in body["facts"].get("checks", []):
        if "required" in said:
            yield Word(f"{about(body)}/{said['name']}", _measured(**said))


def _measured(*, name: str, status: str, required: bool, expected: str, measured: str, why: str) -> str:
    del name
    need = "required" if required else "advice"
    return f"{status}, {need}: {brief(measured)}, where it is to be {brief(expected)}. {brief(why)}".strip()


def check_said(check: Check) -> dict[str, object]:
    """Return a check as events tell of it."""
    return {name: getattr(check, name) for name in CHECK}


CHECK = ("name", "status", "required", "expected", "measured", "why")


def _check_rows(found: Requests) -> Rows:
    """Each name counts once in a request: another of that name stands in for none that is gone."""
    rows = Check.objects.filter(request__in=found).order_by("request_id", "pk").values_list("request_id", *CHECK)
    for request, some in groupby(rows.iterator(), lambda row: row[0]):
        named = {values[0]: dict(zip(CHECK, values, strict=True)) for _, *values in some}
        yield from ((f"{request}/{name}", _measured(**said)) for name, said in named.items())


def _rules(body: Body) -> Iterator[Word]:
    if "rules" in body["facts"]:
        yield from (Word(f"{about(body)}/{group}", str(count)) for group, count in body["facts"]["rules"])


def _rule_rows(found: Requests) -> Rows:
    rows = RequestRule.objects.filter(request__in=found).order_by("pk").values_list("request_id", "group", "count")
    for key, group, count in rows.iterator():
        yield f"{key}/{group}", str(count)


def _reasons(found: Requests) -> Rows:
    for key, reason in found.values_list("pk", "reason").iterator():
        yield str(key), brief(reason)


def _executions(found: Requests) -> Rows:
    for key, state, person in found.values_list("pk", "state", "executed_by_id").iterator():
        if person or state == RequestState.EXECUTED:
            yield str(key), person_word(person)


def _remark(body: Body) -> Iterator[Word]:
    after = body["after"]
    yield Word(f"{about(body)}/{after['comment']}", _remarked(body["actor"]["id"], after.get("body", body["comment"])))


def _remarked(author: int, text: str) -> str:
    return f"user {author}: {brief(text)}"


def _remarks(found: Requests) -> Rows:
    rows = Comment.objects.filter(request__in=found).order_by("pk")
    for key, number, author, text in rows.values_list("request_id", "pk", "author_id", "body").iterator():
        yield f"{key}/{number}", _remarked(author, text)


def _moment(name: Callable[[Body], str]) -> Reader:
    """Read when it was, as the row keeps it: events from before it was told say nothing."""

    def read(body: Body) -> Iterator[Word]:
        if at := body["facts"].get(MOMENT):
            yield Word(name(body), at)

    return read


def _moments(found: Requests) -> Rows:
    for request, at in found.values_list("pk", "created_at").iterator():
        yield str(request), clock.iso(at)
    for *key, at in _decision_rows(found).values_list("request_id", "person_id", "up_to_pct", "at").iterator():
        yield f"{_of(*key)} decided", clock.iso(at)
    for request, at, reviewed_at in _glass_rows(found).values_list("request_id", "opened_at", "reviewed_at").iterator():
        yield f"{request}/glass", clock.iso(at)
        if reviewed_at:
            yield f"{request}/review", clock.iso(reviewed_at)


MOMENT = "moment"


def _kind(
    name: str, words: str, tells: dict[str, Reader], read: Callable[[Requests], Rows], *, complete: bool = True
) -> Kind:
    """Return the kind; its rows of one request are found by the same `read`."""
    READ[name] = read
    return Kind(name, words, tells, lambda: read(ApprovalRequest.objects.order_by("pk")), complete=complete)


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
    _kind("voice", "words of a decision on", {"request.decided": _voice}, _voices, complete=False),
    _kind("groups", "groups of whoever decided on", {"request.decided": _groups}, _group_rows, complete=False),
    _kind("check", "check of", {"request.opened": _checks, "request.decided": _checks}, _check_rows, complete=False),
    _kind("rule", "who has to approve", {"request.opened": _rules}, _rule_rows, complete=False),
    _kind("reason", "reason of", {"request.opened": says(lambda body: brief(body["comment"]))}, _reasons),
    _kind(
        "execution", "who carried out",
        {"request.executed": says(lambda body: person_word(body["actor"]["id"]))}, _executions,
    ),
    _kind(
        "remark", "comment on",
        {f"request.{what}": _remark for what in ("commented", "comment.edited", "comment.taken_back")}, _remarks,
    ),
    _kind("glass", "broken glass of", {"glass.broken": says(_broken)}, _glasses),
    _kind(
        "review", "review of the broken glass of",
        {"glass.reviewed": says(lambda body: f"{person_word(body['actor']['id'])}: {brief(body['comment'])}")},
        _reviews,
    ),
    _kind(
        "moment", "moment of",
        {
            "request.opened": _moment(about),
            "request.decided": _moment(lambda body: f"{_key(body)} decided"),
            "glass.broken": _moment(lambda body: f"{about(body)}/glass"),
            "glass.reviewed": _moment(lambda body: f"{about(body)}/review"),
        },
        _moments, complete=False,
    ),
)  # fmt: skip


def rows_of(request: ApprovalRequest) -> Iterator[tuple[Kind, str, str]]:
    """Yield every row of one request that the ledger tells of, as kind, key and value."""
    only = ApprovalRequest.objects.filter(pk=request.pk)
    for kind in REQUESTS:
        yield from ((kind, key, value) for key, value in READ[kind.name](only))
