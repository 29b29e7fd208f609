"""How an event is read for what it says of its object."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from audit.replay.story import Body, Word

Reader = Callable[[Body], Iterable[Word]]


def about(body: Body) -> str:
    """Return the id of the event's object."""
    return str(body["object"]["id"])


def says(value: Callable[[Body], object]) -> Reader:
    """Read one word on the event's object; none where the event does not carry it."""

    def read(body: Body) -> Iterator[Word]:
        said = value(body)
        if said is not None:
            yield Word(about(body), str(said))

    return read


SHORT = 200  # characters


def brief(text: str) -> str:
    """Return words as facts keep them: long ones by their beginning and the digest of the whole."""
    return text if len(text) <= SHORT else f"{text[:SHORT]}… (SHA-256 {hashlib.sha256(text.encode()).hexdigest()})"


def gone(body: Body) -> Iterator[Word]:
    """Read that the event's object is gone."""
    yield Word(about(body), None)
