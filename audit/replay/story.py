"""What a run of events says about things, the last word on each: folding, without a database."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

SETTLED = "state.settled"
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Word:
    """An event says that the thing `key` is `value`; None: it is gone, and with `all` every key that begins so."""

    key: str
    value: str | None
    all: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of thing that events tell of and rows keep.

    `tells` has a reader for each action that speaks of it; `rows` gives (key, value) of every row in a stable order.
    `given` is what holds from the beginning, without an event. Where not `complete`, rows that no event ever spoke of
    are left alone.
    """

    name: str
    words: str
    tells: Mapping[str, Callable[[Body], Iterable[Word]]]
    rows: Callable[[], Iterator[tuple[str, str]]]
    complete: bool = True
    given: Mapping[str, str] = field(default_factory=dict)


UNREADABLE = Kind("event", "unreadable event about", {}, lambda: iter(()))  # such an event, by its id, until settled
NOT_AS_TOLD = (LookupError, TypeError, ValueError, AttributeError)  # what a reader raises where the event says less


@dataclass(frozen=True)
class Kept:
    """The last word on a thing, and the event that said it."""

    event_id: int
    value: str | None


@dataclass
class Story:
    """The last words of the events heard. Their ids give the order: whoever wrote one held the thing's lock.

    So hearing an event twice, or in the order in which it was sealed, changes nothing.
    """

    kinds: Mapping[str, Kind]
    facts: dict[tuple[str, str], Kept] = field(default_factory=dict)
    ended: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def actions(self) -> set[str]:
        """The actions worth hearing."""
        return {SETTLED, *(action for kind in self.kinds.values() for action in kind.tells)}

    def hear(self, event_id: int, raw: bytes) -> None:
        """Take in one event that was done. One that does not say what it has to is a thing of its own, and is named."""
        try:
            words = list(self._words(json.loads(raw)))
        except NOT_AS_TOLD as why:
            words = [(UNREADABLE.name, Word(str(event_id), f"cannot be replayed: {type(why).__name__} {why}"))]
        for kind, word in words:
            self._take(kind, word, event_id)

    def _words(self, body: Body) -> Iterator[tuple[str, Word]]:
        if body["outcome"] != "done":
            return
        if body["action"] == SETTLED:
            if body["facts"]["kind"] == UNREADABLE.name:  # of anything else only what people did tells
                yield UNREADABLE.name, Word(body["facts"]["key"], None)
            return
        for kind in self.kinds.values():
            if reader := kind.tells.get(body["action"]):
                yield from ((kind.name, word) for word in reader(body))

    def _take(self, kind: str, word: Word, event_id: int) -> None:
        if word.all:
            self.ended.append((kind, word.key, event_id))
            return
        before = self.facts.get((kind, word.key))
        if before is None or before.event_id <= event_id:
            self.facts[kind, word.key] = Kept(event_id, word.value)

    def word_on(self, kind: str, key: str, kept: Kept | None) -> Kept | None:
        """Return the last word on a thing of which `kept` was known before this story; None where nobody spoke."""
        heard = self.facts.get((kind, key))
        last = heard if kept is None or (heard and heard.event_id >= kept.event_id) else kept
        for name, prefix, event_id in self.ended:
            if last and name == kind and key.startswith(prefix) and event_id > last.event_id:
                last = Kept(event_id, None)
        return last


def by_key(rows: Callable[[], QuerySet[Any, tuple[Any, ...]]], key: str) -> Callable[[], Iterator[tuple[str, str]]]:
    """Return a reader of rows whose values are the parts of the key, and the value last."""

    def read() -> Iterator[tuple[str, str]]:
        for *parts, value in rows().iterator(chunk_size=2_000):
            yield key.format(*parts), str(value)

    return read
