"""Semantic version numbers (semver.org 2.0.0): which are valid, and which comes after a change. Pure functions."""

import re
from dataclasses import dataclass
from enum import StrEnum

from core.refusals import Invalid
from registry.compare import Compatibility

LONGEST = 64
NUMBER, WORD = r"(?:0|[1-9]\d*)", r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
SEMVER = re.compile(
    rf"({NUMBER})\.({NUMBER})\.({NUMBER})(-{WORD}(?:\.{WORD})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?\Z", re.ASCII
)
FIRST = "1.0.0"


class Part(StrEnum):
    """Which number goes up."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


PART_OF = {
    Compatibility.SAME: Part.PATCH,
    Compatibility.COMPATIBLE: Part.MINOR,
    Compatibility.BREAKING: Part.MAJOR,
}


@dataclass(frozen=True)
class Offer:
    """The numbers that may come next; `fitting` is the one the signature asks for, None where that cannot be told.

    `before` is the number they follow, empty where there is none yet.
    """

    before: str
    numbers: dict[Part, str]
    fitting: Part | None
    verdict: Compatibility


def check(text: str) -> str:
    """Return `text`; raise Invalid where it is no semantic version."""
    if len(text) > LONGEST or not SEMVER.match(text):
        raise Invalid(
            f"'{text[:80]}' is no semantic version. Write it as 1.4.2, or 2.0.0-rc.1, without a v.", field="semver"
        )
    return text


def next_number(before: str, part: Part) -> str:
    """Return the number after `before` when `part` goes up, as npm counts.

    A pre-release is followed by its release where that is such a step: 1.0.1-rc.1 by the patch 1.0.1, 2.0.0-rc.1 by
    the major 2.0.0.
    """
    found = SEMVER.match(before)
    if found is None:
        return FIRST
    major, minor, patch = map(int, found.groups()[:3])
    step = Part.PATCH if patch else Part.MINOR if minor else Part.MAJOR  # what the release itself was
    if found[4] and list(Part).index(part) <= list(Part).index(step):
        return f"{major}.{minor}.{patch}"
    return {
        Part.PATCH: f"{major}.{minor}.{patch + 1}",
        Part.MINOR: f"{major}.{minor + 1}.0",
        Part.MAJOR: f"{major + 1}.0.0",
    }[part]


def offer(before: str, verdict: Compatibility) -> Offer:
    """Return what may follow `before` where the signature relates so to that version's."""
    if not before:
        return Offer("", {Part.MAJOR: FIRST}, Part.MAJOR, verdict)
    fitting = PART_OF.get(verdict)
    numbers = {part: next_number(before, part) for part in Part}
    parts = {numbers[part]: part for part in (*reversed(Part), *([fitting] if fitting else []))}  # a number stands once
    return Offer(before, {part: text for part, text in numbers.items() if parts[text] is part}, fitting, verdict)
