"""Requests with their checks and rules, what was said of them, decisions on them, and broken glass."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet

from audit.replay.attest import Row
from audit.replay.story import NOT_AS_TOLD, Body, Kind, Word
from core import clock
from registry import subjects
from registry.models import ApprovalRequest, BrokenGlass, Check, Comment, Decision, RequestRule
from registry.models.approvals import ALL, RequestState
from registry.replayed.columns import Table
from registry.replayed.models import by_whom, person_word
from registry.replayed.readers import Reader, about, brief, gone, says

MOMENT = "moment"  # when it was, as the row keeps it: events from before it was told say nothing


def _moment(name: Callable[[Body], str] = about) -> Reader:
    def read(body: Body) -> Iterator[Word]:
        if at := body["facts"].get(MOMENT):
            yield Word(name(body), at)

    return read


def _iso(at: datetime | None) -> str | None:
    return clock.iso(at) if at else None


def _ceiling(body: Body) -> Iterator[Word]:
    """How far what was let through reaches: told by who approves, or breaks the glass; nothing while it is open."""
    if body["after"].get("state") == RequestState.APPROVED:
        yield Word(about(body), _up_to(body["after"].get("ceiling_pct", ALL)))


def _up_to(pct: int) -> str:
    return f"up to {pct} %"


def _subject_word(
    subject: bytes, digest: str, until: datetime, glass_ends_at: datetime | None, *columns: object
) -> str:
    """The digest of what stands in the row; where the row's own words for it or for parts of it are others, both."""
    measured = hashlib.sha256(bytes(subject)).hexdigest()
    repeated = dict(zip(REPEATED, map(str, columns), strict=True)) | {"expires_at": clock.iso(until)}
    other = _others(bytes(subject), repeated, glass_ends_at)
    words = digest if measured == digest else f"{digest}, of a subject that is {measured}"
    return f"{words}, but {', '.join(other)}" if other else words


REPEATED = ("model__uuid", "version__version", "requester_id", "move_key", "approvals_needed")


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


def _execution_word(state: str, person: int | None) -> str | None:
    return person_word(person) if person or state == RequestState.EXECUTED else None


STATES = ("withdrawn", "expired", "superseded", "executed")
ENDED: dict[str, Reader] = {f"request.{state}": gone for state in STATES if state != "executed"}
TOLD = ("request.decided", "glass.broken", *(f"request.{state}" for state in STATES))
TABLE = Table(lambda: ApprovalRequest.objects.order_by("pk"), ("pk",), "{}".format)
TABLE.kind(
    "request", "state of",
    {
        "request.opened": says(lambda _: "open"),
        **{name: says(lambda body: body["after"].get("state")) for name in TOLD},
    },
    "state",
)  # fmt: skip
TABLE.kind(
    "subject", "subject of", {"request.opened": says(lambda body: body["facts"]["subject"])},
    "subject", "subject_digest", "expires_at", "glass__ends_at", *REPEATED, word=_subject_word,
)  # fmt: skip
TABLE.kind(
    "ceiling", "reach of", {"request.decided": _ceiling, "glass.broken": _ceiling, **ENDED}, "state", "ceiling_pct",
    word=lambda state, pct: _up_to(pct) if state in {RequestState.APPROVED, RequestState.EXECUTED} else None,
)  # fmt: skip
TABLE.kind("reason", "reason of", {"request.opened": says(lambda body: brief(body["comment"]))}, "reason", word=brief)
TABLE.kind(
    "execution", "who carried out", {"request.executed": says(by_whom)}, "state", "executed_by_id",
    word=_execution_word,
)  # fmt: skip
TABLE.kind("moment", "moment of", {"request.opened": _moment()}, "created_at", word=clock.iso, complete=False)


def _of(request: object, person: object, up_to_pct: int) -> str:
    """Name a decision: a person may say how far she goes more than once."""
    return f"{request}/{person}" + (f"/{up_to_pct}" if up_to_pct != ALL else "")


def _key(body: Body) -> str:
    return _of(about(body), body["actor"]["id"], body["after"].get("up_to_pct", ALL))


def _decided(value: Callable[[Body], str]) -> Reader:
    return lambda body: [Word(_key(body), value(body))]


def _groups(body: Body) -> Iterator[Word]:
    if "groups" in body["facts"]:
        yield Word(_key(body), ", ".join(body["facts"]["groups"]))


def _words(via: str, absent: str | None, comment: str) -> str:
    return f"by {via}{f', for {absent}' if absent else ''}: {brief(comment)}"


DECISIONS = Table(lambda: Decision.objects.order_by("pk"), ("request_id", "person_id", "up_to_pct"), _of)
DECISIONS.kind(
    "decision", "decision on",
    {"request.decided": _decided(lambda body: f"{body['after']['verdict']} {body['facts']['subject']}")},
    "verdict", "subject_digest", word="{} {}".format,
)  # fmt: skip
DECISIONS.kind(
    "voice", "words of a decision on",
    {"request.decided": _decided(lambda body: _words(body["actor"]["via"], body["facts"].get("for"), body["comment"]))},
    "via", "for_person__username", "comment", word=_words, complete=False,
)  # fmt: skip
DECISIONS.kind(
    "groups", "groups of whoever decided on", {"request.decided": _groups}, "groups", word=", ".join, complete=False
)
DECISIONS.kind(
    "decision moment", "moment of a decision on", {"request.decided": _moment(_key)}, "at", word=clock.iso,
    complete=False,
)  # fmt: skip


def _broken(body: Body) -> str:
    facts = body["facts"]
    return _glass(body["actor"]["id"], facts["ends_at"], body["comment"], facts["overridden"])


def _glass(person: int, until: str, reason: str, overridden: list[str]) -> str:
    return f"user {person} until {until}: {brief(reason)} Instead of: {brief(' '.join(overridden))}"


def _review_word(person: int | None, at: datetime | None, review: str) -> str | None:
    told = f"{person_word(person)}: {brief(review)}" + ("" if at else ", at no time")
    return told if person or at or review else None


GLASS = Table(lambda: BrokenGlass.objects.order_by("pk"), ("request_id",), "{}".format)
GLASS.kind(
    "glass", "broken glass of", {"glass.broken": says(_broken)}, "person_id", "ends_at", "reason", "overridden",
    word=lambda person, until, *rest: _glass(person, clock.iso(until), *rest),
)  # fmt: skip
GLASS.kind(
    "review", "review of the broken glass of",
    {"glass.reviewed": says(lambda body: f"{by_whom(body)}: {brief(body['comment'])}")},
    "reviewed_by_id", "reviewed_at", "review", word=_review_word,
)  # fmt: skip
GLASS.kind(
    "glass moment", "moment of the broken glass of", {"glass.broken": _moment()}, "opened_at", word=clock.iso,
    complete=False,
)  # fmt: skip
GLASS.kind(
    "review moment", "moment of the review of", {"glass.reviewed": _moment()}, "reviewed_at", word=_iso, complete=False
)


def _checks(body: Body) -> Iterator[Word]:
    """As they were measured: when the request was opened, and again when somebody decided while they were pending."""
    for said in body["facts"].get("checks", []):
        if "required" in said:
            yield Word(f"{about(body)}/{said['name']}", _measured(**said))


def _measured(*, name: str, status: str, required: bool, expected: str, measured: str, why: str) -> str:
    del name
    need = "required" if required else "advice"
    return f"{status}, {need}: {brief(measured)}, where it is to be {brief(expected)}. {brief(why)}".strip()


CHECK = ("name", "status", "required", "expected", "measured", "why")


def check_said(check: Check) -> dict[str, object]:
    """Return a check as events tell of it."""
    return {name: getattr(check, name) for name in CHECK}


def _check_rows(which: Q) -> Iterator[tuple[str, str]]:
    """Each name counts once in a request: another of that name stands in for none that is gone."""
    rows = Check.objects.filter(which).order_by("request_id", "pk").values_list("request_id", *CHECK)
    for request, some in groupby(rows.iterator(), lambda row: row[0]):
        named = {values[0]: dict(zip(CHECK, values, strict=True)) for _, *values in some}
        yield from ((f"{request}/{name}", _measured(**said)) for name, said in named.items())


def _rules(body: Body) -> Iterator[Word]:
    if "rules" in body["facts"]:
        yield from (Word(f"{about(body)}/{group}", str(count)) for group, count in body["facts"]["rules"])


def _remark(body: Body) -> Iterator[Word]:
    after = body["after"]
    yield Word(f"{about(body)}/{after['comment']}", _remarked(body["actor"]["id"], after.get("body", body["comment"])))


def _remarked(author: int, text: str) -> str:
    return f"user {author}: {brief(text)}"


CHECKED = Kind(
    "check", "check of", {"request.opened": _checks, "request.decided": _checks}, lambda: _check_rows(Q()),
    complete=False,
)  # fmt: skip
RULES = Table(lambda: RequestRule.objects.order_by("pk"), ("request_id", "group"), "{}/{}".format)
RULES.kind("rule", "who has to approve", {"request.opened": _rules}, "count", complete=False)
REMARKS = Table(lambda: Comment.objects.order_by("pk"), ("request_id", "pk"), "{}/{}".format)
REMARKS.kind(
    "remark", "comment on",
    {f"request.{what}": _remark for what in ("commented", "comment.edited", "comment.taken_back")},
    "author_id", "body", word=_remarked,
)  # fmt: skip
PARTS: tuple[tuple[Table, type[Decision | BrokenGlass | RequestRule | Comment]], ...] = (
    (DECISIONS, Decision), (GLASS, BrokenGlass), (RULES, RequestRule), (REMARKS, Comment),
)  # fmt: skip
REQUESTS = (*TABLE.kinds, CHECKED, *(kind for table, _ in PARTS for kind in table.kinds))


def rows_of(request: ApprovalRequest) -> Iterator[Row]:
    """Yield every row of one request that the ledger tells of, as kind, key and value."""
    yield from TABLE.rows(ApprovalRequest.objects.filter(pk=request.pk))
    yield from ((CHECKED, *row) for row in _check_rows(Q(request=request)))
    for table, rows in PARTS:
        found: QuerySet[Any] = rows._default_manager.filter(request=request)
        yield from table.rows(found)
