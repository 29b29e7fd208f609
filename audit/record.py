"""Writes one event in the caller's transaction: no event, no change."""

import uuid
from dataclasses import dataclass, field
from typing import Protocol, cast

from django.db import connection

from audit import merkle
from audit.catalogue import EVENTS
from audit.models import Event
from core import canonical, clock, rows

BODY_TYPE = "signoff.event/1"
# PostgreSQL's id of this transaction: the sealer waits until no older one is running.
TRANSACTION = (("xact", "pg_current_xact_id()::text::bigint"),)
SEAL = "INSERT INTO audit_seal (seq, event_id, leaf) SELECT COALESCE(MAX(seq) + 1, 0), %s, %s FROM audit_seal"


class Accountable(Protocol):
    """Whoever acts. `facts` is what the ledger keeps: kind, id, name, roles, via, token, address and request_id."""

    @property
    def facts(self) -> dict[str, object]:
        """Plain JSON values."""
        ...


@dataclass(frozen=True)
class Subject:
    """What an event is about: ids that survive its deletion and a label for people."""

    kind: str
    id: str
    label: str
    model: uuid.UUID | None = None


@dataclass(frozen=True)
class Change:
    """Before and after, the words said, and what else the reader needs (approval, policy, digests)."""

    before: dict[str, object] = field(default_factory=dict)
    after: dict[str, object] = field(default_factory=dict)
    comment: str = ""
    facts: dict[str, object] = field(default_factory=dict)


NOTHING = Change()


def record(
    action: str, about: Subject, *, actor: Accountable, change: Change = NOTHING, outcome: str = "done"
) -> Event:
    """Insert the event and return it. On SQLite it is sealed at once; on PostgreSQL the sealer follows within 1 s.

    Must run inside the transaction of the change it tells of: raises RuntimeError otherwise, LookupError for
    an action the catalogue does not have.
    """
    if action not in EVENTS:
        raise LookupError(f"{action} is not in audit.catalogue")
    if not connection.in_atomic_block:
        raise RuntimeError("audit.record must run inside the transaction of the change")
    moment = clock.now()
    body = canonical.dump(_body(action, about, actor.facts, change, outcome, clock.iso(moment)))
    event = Event(
        body=body,
        leaf=merkle.leaf_hash(body),
        at=moment,
        action=action,
        outcome=outcome,
        actor_kind=str(actor.facts["kind"]),
        actor_id=cast("int | None", actor.facts["id"]),
        actor_name=str(actor.facts["name"]),
        object_kind=about.kind,
        object_id=about.id,
        object_label=about.label[:400],
        model_uuid=about.model,
    )
    if connection.vendor == "sqlite":
        rows.insert(event)
        _seal_now(event)
    else:
        rows.insert(event, TRANSACTION)
    return event


def _body(
    action: str, about: Subject, who: dict[str, object], change: Change, outcome: str, at: str
) -> dict[str, object]:
    return {
        "type": BODY_TYPE,
        "id": str(uuid.uuid4()),
        "at": at,
        "action": action,
        "outcome": outcome,
        "actor": who,
        "object": {"kind": about.kind, "id": about.id, "label": about.label},
        "model": str(about.model) if about.model else None,
        "before": change.before,
        "after": change.after,
        "comment": change.comment,
        "facts": change.facts,
    }


def _seal_now(event: Event) -> None:
    """SQLite has one writer at a time, so the next number is safe inside this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(SEAL, [event.pk, bytes(event.leaf)])
