"""Checks the whole ledger against itself, its signatures and outside copies; names the first bad sequence number."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.db import connection

from audit import merkle, notes
from audit.copies import Kept
from audit.models import Checkpoint, Event, Seal

LABEL_MAX = 400
CHUNK = 5_000
# Raw rows, as no row is made a Python object that is not looked at. Moments and UUIDs come as the text that is sealed.
MOMENT = {
    "postgresql": """to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "sqlite": "replace(e.at, ' ', 'T') || CASE WHEN e.at LIKE '%%.%%' THEN 'Z' ELSE '.000000Z' END",
}
MODEL = {
    "postgresql": "e.model_uuid::text",
    "sqlite": "substr(e.model_uuid, 1, 8) || '-' || substr(e.model_uuid, 9, 4) || '-' || substr(e.model_uuid, 13, 4)"
    " || '-' || substr(e.model_uuid, 17, 4) || '-' || substr(e.model_uuid, 21)",
}
ROWS = """
    SELECT s.seq, s.leaf, e.id, e.leaf, e.body, {moment}, {model}, e.action, e.outcome, e.actor_kind, e.actor_id,
        e.actor_name, e.object_kind, e.object_id, e.object_label
    FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id WHERE s.seq >= %s ORDER BY s.seq LIMIT %s
"""


@dataclass
class Report:
    """What was found. `first_bad` is the lowest sequence number at fault; None with problems means a checkpoint is."""

    size: int = 0
    root: bytes = merkle.EMPTY_ROOT
    checkpoints: int = 0
    copies: int = 0
    copies_file: str = ""
    anchors: int = 0
    unsealed: int = 0
    first_bad: int | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def held_against(self) -> str:
        """What outside the database the ledger was held against, in words."""
        own = (
            f"{_count(self.copies, 'checkpoint')} in {self.copies_file}" if self.copies_file else "no file of the home"
        )
        return (
            f"{own} and {_count(self.anchors, 'outside copy', 'outside copies') if self.anchors else 'no outside copy'}"
        )

    def blame(self, seq: int | None, sentence: str) -> None:
        """Note a problem at `seq` (None: no single event is at fault)."""
        self.problems.append(sentence)
        if seq is not None and (self.first_bad is None or seq < self.first_bad):
            self.first_bad = seq


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def split_notes(text: str) -> list[str]:
    """Return the signed notes of a checkpoint file, oldest first. A note ends at a signature line."""
    found: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        if not lines and not line:
            continue
        lines.append(line)
        if line.startswith(notes.DASH + " "):
            found.append("\n".join(lines) + "\n")
            lines = []
    if lines:
        found.append("\n".join(lines) + "\n")
    return found


class Trees:
    """The tree over the seals and, from the first event that is not as sealed, the one over the events.

    Where one of them is what was signed, the other alone was tampered with, and that event is known.
    """

    def __init__(self) -> None:
        self.sealed = merkle.Frontier()
        self.bodies: merkle.Frontier | None = None

    @property
    def size(self) -> int:
        """How many events they hold."""
        return self.sealed.size

    @property
    def roots(self) -> set[bytes]:
        """The roots as they stand."""
        return {tree.root() for tree in (self.sealed, self.bodies) if tree}

    def extend(self, sealed: list[bytes], bodies: list[bytes]) -> None:
        """Add leaves as sealed, and as the events have them."""
        if self.bodies is None and bodies != sealed:
            self.bodies = merkle.Frontier(self.sealed.size, self.sealed.nodes)
        self.sealed.extend(sealed)
        if self.bodies:
            self.bodies.extend(bodies)


def verify(
    verifier_key: str,
    *,
    kept: Kept | None = None,
    anchors: list[str] | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Report:
    """Recompute every leaf and root and hold them against seals, checkpoints and signed notes from elsewhere.

    `kept` is the home's own file of checkpoints, `anchors` are copies from outside; `tell` is told how many events were
    checked, every 5,000 or oftener. Reads only.
    The root at each checkpoint's size must be the one it states, so an event changed, removed, added or reordered is
    found even where its leaf and seal were rewritten with it.
    """
    report = Report()
    stated = _stated(report, verifier_key, kept, anchors or [])
    trees, trusted = Trees(), 0
    for sealed, bodies in _runs(report, [size for size in sorted(stated) if size]):
        trees.extend(sealed, bodies)
        tell(trees.size)
        told, roots = stated.pop(trees.size, []), trees.roots
        for source in (source for root, source in told if root not in roots):
            changed = f"an event from #{trusted} to #{trees.size - 1} was changed"
            report.blame(trusted, f"the root at {trees.size} is not what {source} states: {changed}")
        if told and all(root in roots for root, _ in told):
            trusted = trees.size
    report.size, report.root = trees.size, trees.sealed.root()
    for size in sorted(stated):
        for _, source in stated[size]:
            report.blame(trees.size, f"{source} states {size} events, the ledger holds {trees.size}")
    _check_once(report)
    report.unsealed = Event.objects.filter(seal__isnull=True).count()
    if report.unsealed and connection.vendor == "sqlite":  # which seals what it writes
        report.blame(trees.size, f"{_count(report.unsealed, 'event')} without a seal: written past the server")
    return report


def _runs(report: Report, stops: list[int]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Yield the leaves as sealed, and as the events' bodies have them, in runs; none goes past a size of `stops`."""
    sealed: list[bytes] = []
    bodies: list[bytes] = []
    stop = iter(stops)
    until = next(stop, -1)
    for place, row in enumerate(_rows()):
        if row[0] != place:
            report.blame(place, f"#{place} is missing: the next seal is #{row[0]}")
            break
        sealed.append(_raw(row[1]))
        bodies.append(_checked_leaf(report, row))
        if (size := place + 1) == until or len(sealed) == CHUNK:
            yield sealed, bodies
            sealed, bodies = [], []
            until = next(stop, -1) if size == until else until
    if sealed:
        yield sealed, bodies


def _rows() -> Iterator[tuple[Any, ...]]:
    """Yield each seal with its event, in the order of numbers."""
    vendor = connection.vendor
    wanted, upto = ROWS.format(moment=MOMENT[vendor], model=MODEL[vendor]), -1
    with connection.cursor() as cursor:
        while True:
            cursor.execute(wanted, [upto + 1, CHUNK])
            found = cursor.fetchall()
            yield from found
            if len(found) < CHUNK:
                return
            upto = found[-1][0]


def _raw(value: object) -> bytes:
    """Return stored bytes; whatever else stands in their place is none of ours."""
    return bytes(value) if isinstance(value, (bytes, memoryview)) else b""


def _stated(
    report: Report, verifier_key: str, kept: Kept | None, anchors: list[str]
) -> dict[int, list[tuple[bytes, str]]]:
    stated: dict[int, list[tuple[bytes, str]]] = {}
    same, sizes = set(), set()
    for row in Checkpoint.objects.order_by("size").iterator():
        report.checkpoints += 1
        same.add(row.note)
        sizes.add(row.size)
        _add(report, stated, verifier_key, row.note, f"checkpoint {row.size}")
    if kept and not kept.why:
        report.copies, report.copies_file = len(kept.notes), str(kept.path)
        for place, note in enumerate(kept.notes, 1):
            if note in same:  # it was looked at
                continue
            source = f"checkpoint {place} of {kept.path.name}"
            _miss(report, sizes, _add(report, stated, verifier_key, note, source), source)
    for note in anchors:
        report.anchors += 1
        source = f"outside copy {report.anchors}"
        _miss(report, sizes, _add(report, stated, verifier_key, note, source), source)
    return stated


def _miss(report: Report, sizes: set[int], size: int | None, source: str) -> None:
    """Blame that the database lost the checkpoint that a copy holds; where its events are gone too they are named."""
    if size and size not in sizes and Seal.objects.filter(seq=size - 1).exists():
        report.blame(None, f"{source}, of {size} events, is gone from the database")


def _add(report: Report, stated: dict[int, list[tuple[bytes, str]]], key: str, note: str, source: str) -> int | None:
    """Keep what the note states; return its size, or None where it is not signed by `key`."""
    try:
        said = notes.opened(note, key)
    except ValueError as why:
        last = max(stated, default=0)  # what is newer is vouched for by nothing before it
        report.blame(last, f"{source}: {why}")
        return None
    stated.setdefault(said.size, []).append((said.root, source))
    return said.size


def _checked_leaf(report: Report, row: tuple[Any, ...]) -> bytes:
    """Hold an event against its seal and its columns; return the leaf of its body, or of the seal where it is gone."""
    seq, stored, event, leaf, body, *columns = row
    sealed = _raw(stored)
    if event is None:
        report.blame(seq, f"#{seq}: the event is gone, its seal is there")
        return sealed
    found = sha256(b"\x00" + (body := _raw(body))).digest()
    if found != sealed or _raw(leaf) != sealed:
        report.blame(seq, f"#{seq}: the stored event is not the one that was sealed")
    elif columns != _columns_of(body):
        report.blame(seq, f"#{seq}: the look-up columns differ from the sealed event")
    return found


def _check_once(report: Report) -> None:
    """Blame an event that was sealed under two numbers; each has an id of its own, so no two are alike."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(seq), max(seq) FROM audit_seal GROUP BY leaf HAVING count(*) > 1")
        for first, last in cursor.fetchall():
            report.blame(last, f"#{last} is the event of #{first} once more")


def _columns_of(body: bytes) -> list[object]:
    try:
        said = json.loads(body)
        actor, about = said["actor"], said["object"]
        what = (about["kind"], about["id"], about["label"][:LABEL_MAX])
        who = (actor["kind"], actor["id"], actor["name"])
        return [said["at"], said["model"], said["action"], said["outcome"], *who, *what]
    except (ValueError, KeyError, TypeError):
        return []
