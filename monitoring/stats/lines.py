"""Reads JSON lines that somebody else wrote: each is an object of a known type, or a sentence says which is not."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

Said = Mapping[str, Any]
SHOWN = 60
NUMBERS = (float, int)


class BadLine(Exception):
    """A line is not what it should be; its text says why."""


def shown(value: Any) -> str:
    """Return a value for a sentence, not longer than one."""
    try:
        return repr(value)[:SHOWN]
    except ValueError:  # a whole number of thousands of digits
        return "too long"


def _refuse(word: str) -> NoReturn:
    raise BadLine(f"{word} is no number of JSON")


read_one = json.JSONDecoder(parse_constant=_refuse).raw_decode
LARGEST = sys.float_info.max


def documents(lines: Iterable[str]) -> Iterator[tuple[int, Said]]:
    """Yield each object with its line number, from 1; empty lines are passed over. Raises BadLine with the number."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            said, end = read_one(text)
        except BadLine as why:
            raise BadLine(f"line {number}: {why}.") from why
        except (ValueError, RecursionError) as why:
            raise BadLine(f"line {number}: not JSON: {text[:SHOWN]!r}.") from why
        if end < len(text) or not isinstance(said, dict):
            raise BadLine(f"line {number}: expected one object and nothing else.")
        yield number, said


def needed(said: Said, name: str) -> Any:
    """Return a field that must be there."""
    try:
        return said[name]
    except KeyError:
        raise BadLine(f"{name} is missing") from None


def number_of(said: Said, name: str, low: float = -LARGEST, high: float = LARGEST) -> float | None:
    """Return a finite number, or None where it is absent or null."""
    value = said.get(name)
    if value is None:
        return None
    if type(value) not in NUMBERS:  # true and false are none
        raise BadLine(f"{name} should be a number and is {shown(value)}")
    if not low <= value <= high:
        raise BadLine(f"{name} should be from {low:g} to {high:g} and is {shown(value)}")
    return float(value)


def key_of(said: Said, name: str) -> str | None:
    """Return an id or a word: a text, or a number written as one; None where it is absent or null."""
    value = said.get(name)
    if value is None or isinstance(value, str):
        return value
    if type(value) in NUMBERS:
        return str(value)
    raise BadLine(f"{name} should be a text or a number and is {shown(value)}")


def run(answer: Callable[[Iterable[tuple[int, Said]]], Mapping[str, Any]]) -> int:
    """Print what `answer` says of standard input, as one line of JSON; return the exit code."""
    sys.stdin.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        told = json.dumps(answer(documents(sys.stdin)), allow_nan=False)
    except BadLine as why:
        sys.stderr.write(f"{why}\n")
        return 2
    sys.stdout.write(f"{told}\n")
    return 0
