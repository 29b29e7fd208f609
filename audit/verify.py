"""Checks the whole ledger against itself, its signatures and outside copies; names the first bad sequence number."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F

from audit import merkle, notes
from audit.models import Checkpoint, Event, Seal
from core import clock

COLUMNS = ("seq", "leaf", "event__body", "event__leaf", "event__at", "event__action", "event__outcome",
           "event__actor_name", "event__object_kind", "event__object_id")  # fmt: skip


@dataclass
class Report:
    """What was found. `first_bad` is the lowest sequence number at fault; None with problems means a checkpoint is."""

    size: int = 0
    root: bytes = merkle.EMPTY_ROOT
    checkpoints: int = 0
    anchors: int = 0
    unsealed: int = 0
    first_bad: int | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def blame(self, seq: int | None, sentence: str) -> None:
        """Note a problem at `seq` (None: no single event is at fault)."""
        self.problems.append(sentence)
        if seq is not None and (self.first_bad is None or seq < self.first_bad):
            self.first_bad = seq


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


def verify(verifier_key: str, *, anchors: list[str] | None = None) -> Report:
    """Recompute every leaf and root and hold them against seals, checkpoints and `anchors` (signed notes from outside).

    Reads only. The root at each checkpoint's size must be the one it states, so an event changed, removed,
    added or reordered is found even where its leaf and seal were rewritten with it.
    """
    report = Report()
    stated = _stated(report, verifier_key, anchors or [])
    frontier = merkle.Frontier()
    trusted = 0
    for row in _rows():
        expected = frontier.size
        if row["seq"] != expected:
            report.blame(expected, f"#{expected} is missing: the next seal is #{row['seq']}")
            break
        _check_event(report, row)
        frontier.append(bytes(row["leaf"]))
        for root, source in stated.pop(frontier.size, []):
            if root == frontier.root():
                trusted = frontier.size
            else:
                report.blame(
                    trusted,
                    f"the root at {frontier.size} is not what {source} states: "
                    f"an event from #{trusted} to #{frontier.size - 1} was changed",
                )
    report.size, report.root = frontier.size, frontier.root()
    for size in sorted(stated):
        for _, source in stated[size]:
            report.blame(frontier.size, f"{source} states {size} events, the ledger holds {frontier.size}")
    report.unsealed = Event.objects.filter(seal__isnull=True).count()
    return report


def _rows() -> Iterator[dict[str, Any]]:
    yield from Seal.objects.order_by("seq").values(*COLUMNS, has_event=F("event__id")).iterator(chunk_size=2_000)


def _stated(report: Report, verifier_key: str, anchors: list[str]) -> dict[int, list[tuple[bytes, str]]]:
    stated: dict[int, list[tuple[bytes, str]]] = {}
    for row in Checkpoint.objects.order_by("size").iterator():
        report.checkpoints += 1
        _add(report, stated, verifier_key, row.note, f"checkpoint {row.size}")
    for note in anchors:
        report.anchors += 1
        _add(report, stated, verifier_key, note, f"outside copy {report.anchors}")
    return stated


def _add(report: Report, stated: dict[int, list[tuple[bytes, str]]], key: str, note: str, source: str) -> None:
    try:
        said = notes.opened(note, key)
    except ValueError as why:
        report.blame(None, f"{source}: {why}")
        return
    stated.setdefault(said.size, []).append((said.root, source))


def _check_event(report: Report, row: dict[str, Any]) -> None:
    seq = row["seq"]
    if row["has_event"] is None:
        report.blame(seq, f"#{seq}: the event is gone, its seal is there")
        return
    body = bytes(row["event__body"])
    if merkle.leaf_hash(body) != bytes(row["leaf"]) or bytes(row["event__leaf"]) != bytes(row["leaf"]):
        report.blame(seq, f"#{seq}: the stored event is not the one that was sealed")
    elif _columns(row) != _columns_of(body):
        report.blame(seq, f"#{seq}: the look-up columns differ from the sealed event")


def _columns(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        clock.iso(row["event__at"]),
        *(row[f"event__{name}"] for name in ("action", "outcome", "actor_name", "object_kind", "object_id")),
    )


def _columns_of(body: bytes) -> tuple[object, ...]:
    try:
        said = json.loads(body)
        return (
            said["at"],
            said["action"],
            said["outcome"],
            said["actor"]["name"],
            said["object"]["kind"],
            said["object"]["id"],
        )
    except (ValueError, KeyError, TypeError):
        return ()
