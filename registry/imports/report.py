"""What an import did, what it could not do, and where here and there differ."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

Facts = dict[str, Any]
MEANING = {
    "there": "changed there since the import",
    "here": "changed here since the import",
    "both": "changed on both sides since the import",
    "import": "left so by the import",
    "gone here": "deleted here",
    "gone there": "deleted there",
    "unsigned": "nobody has signed for it here",
}


@dataclass(frozen=True)
class Difference:
    """One field of one thing that is not the same on both sides, and why: a key of MEANING."""

    kind: str
    name: str
    field: str
    why: str
    there: object = None
    here: object = None

    @property
    def sentence(self) -> str:
        """It in words."""
        if not self.field:
            return f"{self.kind} {self.name}: {MEANING[self.why]}"
        values = f"{_short(self.there)} there and {_short(self.here)} here"
        return f"{self.kind} {self.name}: {self.field} is {values} ({MEANING[self.why]})"


@dataclass
class Report:
    """Grows while the import goes on."""

    source: str
    added: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    bytes_copied: int = 0
    requests: list[int] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def changed_nothing(self) -> bool:
        """Whether all that is there was here already."""
        return not self.added

    def as_json(self) -> dict[str, object]:
        """Return it as plain JSON values."""
        return {
            "source": self.source,
            "added": dict(sorted(self.added.items())),
            "unchanged": dict(sorted(self.unchanged.items())),
            "bytes_copied": self.bytes_copied,
            "requests": self.requests,
            "differences": [asdict(one) for one in self.differences],
            "failures": self.failures,
        }

    def lines(self) -> Iterator[str]:
        """Yield it as lines for people, of which a name that was made up to move a terminal's cursor moves nothing."""
        yield from map(printable, self._lines())

    def _lines(self) -> Iterator[str]:
        if self.changed_nothing:
            yield f"Nothing to import from {self.source}: all of it is here."
        for kind, count in sorted(self.added.items()):
            yield f"imported {count} {kind}{'' if count == 1 else 's'}"
        if self.bytes_copied:
            yield f"copied {self.bytes_copied / 2**20:.1f} MiB"
        if self.requests:
            yield "asked for approval: " + ", ".join(f"#{number}" for number in self.requests)
        yield f"{len(self.differences)} differences" + (":" if self.differences else "")
        yield from (f"  {one.sentence}" for one in self.differences)
        yield from (f"FAILED {words}" for words in self.failures)


@dataclass(frozen=True)
class Four:
    """A value there and here, at the import and now."""

    was_there: Any
    was_here: Any
    there: Any
    here: Any

    def part(self, key: str) -> "Four":
        """Return the same of one key."""
        return Four(*(None if one is None else one.get(key) for one in vars(self).values()))

    @property
    def keys(self) -> list[str]:
        """Every key that either side has now."""
        return sorted((self.there or {}).keys() | (self.here or {}).keys())

    @property
    def why(self) -> str:
        """Which side moved since the import."""
        moved = (self.there != self.was_there, self.here != self.was_here)
        return {(True, False): "there", (False, True): "here", (True, True): "both", (False, False): "import"}[moved]


def compare(kind: str, name: str, facts: Four) -> Iterator[Difference]:
    """Yield where both sides differ now, mappings key by key."""
    for part in facts.keys:
        found = facts.part(part)
        if isinstance(found.there, dict):
            yield from compare_parts(kind, name, part, found)
        elif found.there != found.here:
            unsigned = kind == "version" and part in {"stage", "aliases"} and found.why == "import"
            yield Difference(kind, name, part, "unsigned" if unsigned else found.why, found.there, found.here)


def compare_parts(kind: str, name: str, part: str, facts: Four) -> Iterator[Difference]:
    """Yield the keys of a mapping that differ."""
    for key in facts.keys:
        found = facts.part(key)
        if found.there != found.here:
            yield Difference(kind, name, f"{part}.{key}", found.why, found.there, found.here)


def printable(text: str) -> str:
    """Return `text` with each letter that shows nothing, or does something, written as its code."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _short(value: object) -> str:
    text = "absent" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004 - a line of a terminal
