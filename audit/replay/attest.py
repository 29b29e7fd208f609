"""Holds the rows of one thing against its own events, at the moment something rests on them: no whole replay."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from audit.models import Event
from audit.replay.mismatches import HOW, Found, note
from audit.replay.story import Kind, Story
from audit.replay.turns import listen
from core.prepared import Prepared
from core.refusals import Conflict

Row = tuple[Kind, str, str]  # kind, key and value, as `Kind.rows` gives them


class Differs(Conflict):
    """Rows that a deed was to rest on are not what the ledger says. `found` is what `alerting` tells."""

    def __init__(self, deed: str, found: Sequence[Found]) -> None:
        told = "; ".join(f"{one.kind.words} {one.key}: {_word(one.said)} by the ledger, {_word(one.row)} in the row"
                         for one in found)  # fmt: skip
        super().__init__(f"Nobody can {deed}: rows differ from the ledger ({told}).", next_step=HOW)
        self.found = found


def _word(value: str | None) -> str:
    return "nothing" if value is None else value


def told_by(kinds: Sequence[Kind], which: Q) -> Story:
    """Return what the done events of `which` say of `kinds`: what is sealed, or on PostgreSQL waits for the sealer."""
    story = Story({kind.name: kind for kind in kinds})
    listen(story, which & _numbered())
    return story


def told_of(kinds: Sequence[Kind], subject: str, key: str = "") -> Story:
    """Return what the done events about one thing say of `kinds`, or those about every `subject` without a key.

    As `told_by`, by a statement that is made once.
    """
    story = Story({kind.name: kind for kind in kinds})
    about = [subject, key] if key else [subject]
    for event_id, body in _events(frozenset(story.actions), len(about))(*about):
        story.hear(event_id, bytes(body))
    return story


@cache
def _events(actions: frozenset[str], parts: int) -> Prepared:
    def about(*subject: str) -> QuerySet[Event, Any]:
        named = dict(zip(("object_kind", "object_id"), subject, strict=False))
        rows = Event.objects.filter(_numbered(), **named, action__in=sorted(actions))
        return rows.order_by().values_list("id", "body")

    return Prepared(about, *[str] * parts)


def _numbered() -> Q:
    """What counts as told: on PostgreSQL the sealer may have yet to come."""
    return Q(seal__isnull=False) if connection.vendor == "sqlite" else Q()


def differing(story: Story, rows: Iterable[Row]) -> list[Found]:
    """Return what differs between `rows` and the story: all that it tells of and all that they hold."""
    held = {(kind.name, key): (kind, value) for kind, key, value in rows}
    found = [_found(story, kind, key, value) for (_, key), (kind, value) in held.items()]
    lost = [name for name in story.facts if name not in held and name[0] in story.kinds]
    found += [_found(story, story.kinds[name], key, None) for name, key in lost]
    return [one for one in found if one]


def _found(story: Story, kind: Kind, key: str, value: str | None) -> Found | None:
    word = story.word_on(kind.name, key, None)
    if word is None:
        return Found(kind, key, None, value) if kind.complete else None
    return Found(kind, key, word, value) if word.value != value else None


@contextmanager
def alerting() -> Iterator[None]:
    """Tell what differs as the replay does, once the transaction inside was rolled back by its refusal."""
    try:
        yield
    except Differs as why:
        for one in why.found:
            note(one)
        raise
