"""Reads YAML that cannot mean two things: one document, no tags, anchors or duplicate keys, words and numbers only.

What YAML 1.1 guesses (`no` is false, 12:30 is 750, a date is an object) is text here.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

SIZE_MAX, DEPTH_MAX = 64_000, 20
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][+-][0-9]{1,3})?")  # what YAML 1.1 and 1.2 both read so
CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
Path = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong in a text and where: line and column count from 1."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class Unreadable(ValueError):
    """The text is not such YAML."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class Read:
    """A text's value, and where each key and item of it begins."""

    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem at `path`, or at the nearest thing around it that the text has."""
        while path and path not in self.places:
            path = path[:-1]
        return Problem(*self.places.get(path, (1, 1)), message)


def read(text: str) -> Read:
    """Return what `text` says; raise Unreadable at the first place that is not allowed."""
    if len(text) > SIZE_MAX:
        raise Unreadable(Problem(1, 1, f"the text is over {SIZE_MAX:,} characters"))
    try:
        return _document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as why:
        mark = why.problem_mark or why.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Unreadable(Problem(*place, why.problem or "this is no YAML")) from why
    except yaml.YAMLError as why:
        raise Unreadable(Problem(1, 1, "the text has characters that YAML does not allow")) from why


def _document(events: Iterator[Event]) -> Read:
    found, documents = Read(), 0
    for event in events:
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _refused(event, "one document only")
        elif isinstance(event, NodeEvent):
            found.value = _value(event, events, (), found.places)
    return found


def _value(event: Event, events: Iterator[Event], path: Path, places: dict[Path, tuple[int, int]]) -> Any:
    """Return the value that begins with `event`, and note where its parts are."""
    places.setdefault(path, _place(event))
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
        raise _refused(event, "no anchors and aliases")
    if getattr(event, "tag", None):
        raise _refused(event, "no tags")
    if len(path) > DEPTH_MAX:
        raise _refused(event, "nested too deeply")
    if isinstance(event, ScalarEvent):
        return _scalar(event)
    if isinstance(event, SequenceStartEvent):
        return list(_items(events, path, places))
    assert isinstance(event, MappingStartEvent)  # noqa: S101 - there is no fourth kind
    return _mapping(events, path, places)


def _items(events: Iterator[Event], path: Path, places: dict[Path, tuple[int, int]]) -> Iterator[Any]:
    index = 0
    while not isinstance(event := next(events), SequenceEndEvent):
        yield _value(event, events, (*path, index), places)
        index += 1


def _mapping(events: Iterator[Event], path: Path, places: dict[Path, tuple[int, int]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while not isinstance(event := next(events), MappingEndEvent):
        if not isinstance(event, ScalarEvent):
            raise _refused(event, "a key is a word")
        key = str(event.value)
        if key in found:
            raise _refused(event, f"the key '{key}' stands twice")
        places[*path, key] = _place(event)
        found[key] = _value(next(events), events, (*path, key), places)
    return found


def _scalar(event: ScalarEvent) -> Any:
    text = str(event.value)
    if event.style:
        return text
    if text in CONSTANTS:
        return CONSTANTS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        if not math.isfinite(number := float(text)):
            raise _refused(event, "the number is too large")
        return number
    return text


def _place(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _refused(event: Event, message: str) -> Unreadable:
    return Unreadable(Problem(*_place(event), message))
