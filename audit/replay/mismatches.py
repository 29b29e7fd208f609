"""Rows that differ from the ledger: kept and told once, settled once put back. While one is open the gate is shut."""

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from audit.models import Event, Mismatch
from audit.record import Accountable, Change, Subject, record
from audit.replay.story import SETTLED, UNREADABLE, Kept, Kind
from core import clock
from core.refusals import Conflict, Invalid
from core.words import written

MOST = 100  # a turn tells so many; whoever changed more is found again at the next one
REASON_MAX = 10_000
HOW = (
    "An Admin settles that at /audit/mismatches once the row is back as the ledger says. Rolling back, withdrawing and "
    "archiving go on meanwhile."
)


@dataclass(frozen=True)
class Found:
    """A thing whose row says `row` (None: there is none), while the ledger says `word`."""

    kind: Kind
    key: str
    word: Kept | None
    row: str | None

    @property
    def said(self) -> str | None:
        """What the ledger says; None where it says that there is none, or nothing at all."""
        return self.word.value if self.word else None


def subject_of(row: Mismatch) -> Subject:
    """Return the mismatch as the ledger names it."""
    return Subject("state", str(row.pk), row.label, row.model_uuid)


def note(found: Found) -> bool:
    """Keep what was found, with its event, and return whether it is news. Found again it changes nothing.

    A thing that differs in another way by now is told anew.
    """
    event = Event.objects.filter(pk=found.word.event_id).first() if found.word else None
    name, key = found.kind.name, found.key
    try:
        with transaction.atomic():
            row = Mismatch.objects.select_for_update().filter(kind=name, key=key, settled_at=None).first()
            if row and (row.said, row.found) == (found.said, found.row):
                return False
            row = row or Mismatch(kind=name, key=key, model_uuid=_model_of(key, event))
            row.label = f"{found.kind.words} {event.object_label if event else key}"[:400]
            row.said, row.found, row.found_at = found.said, found.row, clock.now()
            row.event_id = event.pk if event else None
            row.save()
            change = Change({"ledger": found.said}, {"row": found.row}, facts={"kind": name, "key": key})
            record("state.mismatched", subject_of(row), actor=NOBODY, change=change)
    except IntegrityError:  # another process noted it first
        return False
    return True


def _model_of(key: str, event: Event | None) -> uuid.UUID | None:
    """Return the model that the thing belongs to, as far as its event or key tells."""
    if event:
        return event.model_uuid
    try:
        return uuid.UUID(key[:36])
    except ValueError:
        return None


@dataclass(frozen=True)
class _Nobody:
    """The server itself."""

    @property
    def facts(self) -> dict[str, object]:
        """Nobody came in anywhere."""
        return {
            "kind": "system", "id": None, "name": "system", "roles": [], "via": "system", "token": "", "address": "",
            "request_id": "",
        }  # fmt: skip


NOBODY = _Nobody()


@dataclass(frozen=True)
class Seen:
    """What the admin read of a row, what it says now, and what the ledger says; None for no row."""

    found: str | None
    now: str | None
    said: str | None


def settle(row: Mismatch, seen: Seen, *, reason: str, actor: Accountable) -> Mismatch:
    """Close the mismatch for a reason, once the row is as the ledger says: nobody's word makes another row true.

    An event that cannot be replayed has no row, and is settled by the reason alone. Who may is asked by the caller.
    Raises Invalid without a reason, Conflict where the row is not what the admin read, or not back. Doing it again
    changes nothing.
    """
    if not written(reason) or len(reason) > REASON_MAX:
        raise Invalid("Say what happened and how the row was put back: it is kept in the ledger.", field="reason")
    with transaction.atomic():
        locked = Mismatch.objects.select_for_update().get(pk=row.pk)
        if locked.settled_at:
            return locked
        _refuse_other(locked, seen)
        locked.settled_at, locked.reason = clock.now(), written(reason)
        locked.settled_by = str(actor.facts["name"])
        locked.save(update_fields=["settled_at", "settled_by", "reason"])
        facts: dict[str, object] = {"kind": locked.kind, "key": locked.key}
        change = Change({"ledger": seen.said}, {"row": seen.now}, locked.reason, facts)
        record(SETTLED, subject_of(locked), actor=actor, change=change)
    return locked


def _refuse_other(row: Mismatch, seen: Seen) -> None:
    if seen.now != seen.found:
        raise Conflict("The row has changed since you looked.", next_step="Reload the page and read it again.")
    if seen.now != seen.said and row.kind != UNREADABLE.name:
        said = "that there is none" if seen.said is None else f"'{seen.said}'"
        raise Conflict(
            f"The row is not what the ledger says, {said}: no reason makes it true.",
            next_step="Put it back in the database, or from a backup, and settle it then.",
        )


def unsettled() -> QuerySet[Mismatch]:
    """Return the mismatches that wait for an admin."""
    return Mismatch.objects.filter(settled_at=None)


def open_count() -> int:
    """Return how many mismatches wait to be settled."""
    return unsettled().count()


def require_open_gate(deed: str) -> None:
    """Raise Conflict while a row differs from the ledger: nobody can tell then what was signed."""
    if count := open_count():
        what = "1 row differs" if count == 1 else f"{count} rows differ"
        raise Conflict(f"The deploy gate is shut, so this cannot {deed}: {what} from the ledger.", next_step=HOW)
