"""How an event is read for what it says of its object."""

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


def gone(body: Body) -> Iterator[Word]:
    """Read that the event's object is gone."""
    yield Word(about(body), None)
