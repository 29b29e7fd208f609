"""Holds the rows of one thing against its own events, at the moment something rests on them: no whole replay."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection
from django.db.models import Q

from audit.replay.mismatches import HOW, Found, note
from audit.replay.story import Kind, Story
from audit.replay.turns import listen
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
    listen(story, which & Q(seal__isnull=False) if connection.vendor == "sqlite" else which)
    return story


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
