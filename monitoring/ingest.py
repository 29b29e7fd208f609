"""Takes evidence from the stream into rows. An entry may come twice, in any order, from a dead reader: it counts once.

What it changes (rows, tallies, the last entry) is one transaction; only then is the entry acknowledged.
"""

import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, transaction

from core import broker
from monitoring import copies, counting, late, letters, samples
from monitoring.evidence import Routed, Unreadable, read
from monitoring.models import Label, Prediction
from monitoring.predictions import Key, rows_of, save
from serving.contract import EVIDENCE_STREAM, Inference

log = structlog.get_logger(__name__)
GROUP = "ingest"
ME = f"{socket.gethostname()}-{os.getpid()}"
BATCH = 2_000
LEFT_MS = 10_000  # an entry that its reader held for longer is anybody's
SILENT_S = 10
AT_FAULT = (DatabaseError, ValueError, TypeError, OverflowError, RecursionError)  # what an entry can cause
KEPT = 100_000  # read entries stay a while for those who look


@dataclass(frozen=True)
class Entry:
    """One entry of the stream."""

    id: str
    kind: str
    body: bytes


def drain(limit: int = 20_000) -> int:
    """Take what lies in the stream, `limit` entries at most; return how many. While Valkey is away nothing is taken."""
    taken = 0
    try:
        _ensure_group()
        while taken < limit and (entries := [*_left_behind(), *_new()]):
            take(entries)
            broker.connection().xack(EVIDENCE_STREAM, GROUP, *[entry.id for entry in entries])
            taken += len(entries)
        if taken:
            broker.connection().xtrim(EVIDENCE_STREAM, maxlen=KEPT, approximate=True)
        _away.clear()
    except redis.RedisError as why:
        if not _away:
            log.warning("evidence waits in its files until Valkey answers", why=str(why))
            _away.add(str(why))
        _ensured.clear()
    return taken


_ensured: set[str] = set()
_away: set[str] = set()  # why Valkey does not answer: said once


def _ensure_group() -> None:
    """Make the group where there is none; a flushed stream loses it."""
    if _ensured:
        return
    try:
        broker.connection().xgroup_create(EVIDENCE_STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as why:
        if "BUSYGROUP" not in str(why):
            raise
    _ensured.add(GROUP)


def _new() -> list[Entry]:
    found: Any = broker.connection().xreadgroup(GROUP, ME, {EVIDENCE_STREAM: ">"}, count=BATCH)
    if isinstance(found, dict):  # how the third version of the protocol says it
        found = list(found.items())
    return [_entry(*line) for _, lines in found or [] for line in _flat(lines)]


def _flat(lines: Any) -> Iterable[Any]:
    return lines[0] if lines and isinstance(lines[0], list) else lines


def _left_behind() -> list[Entry]:
    found: Any = broker.connection().xautoclaim(EVIDENCE_STREAM, GROUP, ME, LEFT_MS, count=BATCH)
    return [_entry(*line) for line in found[1] if line[1]]


def _entry(name: bytes, said: dict[bytes, bytes]) -> Entry:
    return Entry(name.decode(), said.get(b"kind", b"").decode(errors="replace"), said.get(b"body", b""))


def take(entries: Sequence[Entry]) -> None:
    """Store what the entries say. Taking them again changes nothing.

    Where they cannot be stored, halves of them are tried until the one at fault stands alone: it becomes a dead letter.
    Raises OperationalError and InterfaceError, which are no entry's fault.
    """
    try:
        try:
            _store(entries)
        except IntegrityError:  # another reader wrote the other half of a request meanwhile
            _store(entries)
    except (OperationalError, InterfaceError):
        raise
    except AT_FAULT as why:
        if len(entries) == 1:
            log.warning("evidence put aside", entry=entries[0].id, why=repr(why)[:200])
            letters.put_aside([letters.letter(entries[0].id, entries[0].body, f"It cannot be stored: {why!r}")])
            return
        half = len(entries) // 2
        take(entries[:half])
        take(entries[half:])


def _store(entries: Sequence[Entry]) -> None:
    said: list[Routed | Inference] = []
    aside = [letters.dropped(entry.id, entry.body) for entry in entries if entry.kind == letters.KIND]
    for entry in entries:
        try:
            if (document := read(entry.kind, entry.body)) is not None:
                said.append(document)
        except Unreadable as why:
            aside.append(letters.letter(entry.id, entry.body, str(why)))
    copied = [one for one in said if isinstance(one, Inference) and one.track == copies.SHADOW]
    said = [one for one in said if not (isinstance(one, Inference) and one.track == copies.SHADOW)]
    with transaction.atomic("telemetry"):
        if aside:
            letters.put_aside(aside)
        if copied:
            copies.keep(copied)
        rows = rows_of({(document.endpoint, document.request_id) for document in said})
        new = [(document, row) for document in said if (row := _apply(rows, document))]
        changed = {id(row): row for _, row in new}
        samples.keep(document for document, _ in new if isinstance(document, Inference))
        counting.count(changed.values(), labels_of(changed.values()), last_entry=entries[-1].id)
        save(changed.values())
        late.tell(entry.body for entry in entries if entry.kind == late.KIND)


def _apply(rows: dict[Key, Prediction], said: Routed | Inference) -> Prediction | None:
    """Put one half of a request into its row; return the row where it was new to it."""
    key = (said.endpoint, said.request_id)
    row = rows.setdefault(key, Prediction(endpoint=said.endpoint, request_id=said.request_id))
    if isinstance(said, Routed):
        if row.routed:
            return None  # carried again, or a caller used its id again: the first one counts
        row.routed, row.at = True, said.at
        for name in ("rollout", "step", "track", "share", "unit", "status", "latency_ms", "attempts"):
            setattr(row, name, getattr(said, name))
        if said.why_not:
            row.counted, row.why_not = False, said.why_not
        return row
    if row.answered:
        return None
    row.answered = True
    if not row.routed:
        row.at = datetime.fromtimestamp(said.at_ms / 1000, UTC)
    row.model, row.version, row.digest = said.model, said.version, said.digest
    row.rows, row.prediction, row.score = said.rows, said.prediction, said.score
    return row


def labels_of(rows: Iterable[Prediction]) -> dict[Key, Label]:
    """Return the latest labels that came before their predictions."""
    wanted = {(row.endpoint, row.request_id) for row in rows}
    found: dict[Key, Any] = {}
    for endpoint in {endpoint for endpoint, _ in wanted}:
        ids = [request_id for name, request_id in wanted if name == endpoint]
        for start in range(0, len(ids), 500):
            labels = Label.objects.filter(endpoint=endpoint, request_id__in=ids[start : start + 500])
            found.update({(row.endpoint, row.request_id): row for row in labels.order_by("revision")})
    return found


def settle_silent() -> int:
    """Count, as failures, answered requests whose model left no record within 10 s; return how many.

    Only where all evidence up to then is here: records that are late are no failure of a model.
    """
    rows = Prediction.objects.filter(late.is_here(timedelta(seconds=SILENT_S)), routed=True, answered=False)
    with transaction.atomic("telemetry"):
        found = list(rows.filter(counted=None).order_by("at")[:BATCH])
        counting.count(found, {}, silent=True)
        save(found)
    return len(found)
