"""Folding alone: the last word counts, in whatever order and however often the events are heard."""

from collections.abc import Iterator
from itertools import permutations

from audit.replay.story import UNREADABLE, Body, Kept, Kind, Story, Word
from core import canonical


def heard(*events: tuple[int, dict[str, object]]) -> Story:
    story = Story({"alias": ALIAS})
    for event_id, body in events:
        story.hear(event_id, canonical.dump(body))
    return story


def _set(body: Body) -> Iterator[Word]:
    yield Word(body["key"], body["value"])


ALIAS = Kind("alias", "alias", {"set": _set, "end": lambda body: [Word(body["key"], None, all=True)]}, lambda: iter(()))


def said(action: str, key: str, value: str | None = None, outcome: str = "done") -> dict[str, object]:
    return {"action": action, "outcome": outcome, "key": key, "value": value}


def test_the_last_word_counts_in_whatever_order_events_are_sealed() -> None:
    events = [(1, said("set", "m/a", "1")), (2, said("end", "m/")), (3, said("set", "m/b", "2"))]
    for order in permutations(events * 2):
        story = heard(*order)
        assert story.word_on("alias", "m/a", None) == Kept(2, None)
        assert story.word_on("alias", "m/b", None) == Kept(3, "2")
        assert story.word_on("alias", "n/a", None) is None


def test_what_was_kept_gives_way_to_later_words_only() -> None:
    story = heard((5, said("set", "m/a", "5")), (7, said("end", "n/")))
    assert story.word_on("alias", "m/a", Kept(4, "4")) == Kept(5, "5")
    assert story.word_on("alias", "m/a", Kept(6, "6")) == Kept(6, "6")
    assert story.word_on("alias", "n/a", Kept(6, "6")) == Kept(7, None)
    assert story.word_on("alias", "n/a", Kept(8, "8")) == Kept(8, "8")


def test_a_refused_deed_says_nothing() -> None:
    assert heard((1, said("set", "m/a", "1", outcome="denied"))).word_on("alias", "m/a", None) is None


def test_an_event_that_does_not_say_what_it_has_to_is_named_and_the_rest_is_heard() -> None:
    story = heard((1, {"action": "set", "outcome": "done", "key": "m/a"}), (2, said("set", "m/b", "2")))
    story.hear(3, b"no JSON")
    assert story.word_on("alias", "m/b", None) == Kept(2, "2")
    assert story.word_on("alias", "m/a", None) is None
    for event_id, why in ((1, "'value'"), (3, "Expecting value")):
        word = story.word_on(UNREADABLE.name, str(event_id), None)
        assert word
        assert why in str(word.value)
    story.hear(4, canonical.dump(settled(UNREADABLE.name, "1")))
    assert story.word_on(UNREADABLE.name, "1", None) == Kept(4, None)


def settled(kind: str, key: str) -> dict[str, object]:
    facts = {"kind": kind, "key": key}
    return {"action": "state.settled", "outcome": "done", "facts": facts, "after": {"row": None}}
