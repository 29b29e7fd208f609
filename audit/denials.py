"""Refusals, summed per (actor, action, object, minute): the first is an event at once, the rest one a minute later."""

from django.db import transaction
from django.db.models import F

from audit.models import Denial
from audit.record import Accountable, Change, Subject, record
from core import clock


class Remembered:
    """The actor of a denial as it was kept."""

    def __init__(self, facts: dict[str, object]) -> None:
        self.facts = facts


def note_denial(permission: str, about: Subject, *, actor: Accountable, reason: str) -> None:
    """Count a refusal of `permission` on `about`. Runs in its own transaction, after the refused one ended."""
    minute = clock.now().replace(second=0, microsecond=0)
    key = {
        "minute": minute,
        "actor_name": str(actor.facts["name"]),
        "action": permission,
        "object_key": f"{about.kind}:{about.id}"[:200],
    }
    with transaction.atomic():
        if Denial.objects.filter(**key).update(count=F("count") + 1):
            return
        facts = {
            "actor": actor.facts,
            "label": about.label,
            "kind": about.kind,
            "id": about.id,
            "model": str(about.model or ""),
        }
        _, first = Denial.objects.get_or_create(**key, defaults={"facts": facts})
        if first:
            _write(permission, about, actor, reason, 1)


def settle() -> int:
    """Write the repeats of past minutes and forget them; return how many rows were settled."""
    this_minute = clock.now().replace(second=0, microsecond=0)
    settled = 0
    for row in Denial.objects.filter(minute__lt=this_minute)[:500]:
        with transaction.atomic():
            locked = Denial.objects.select_for_update().filter(pk=row.pk).first()
            if locked is None:
                continue
            if locked.count > 1:
                about = Subject(locked.facts["kind"], locked.facts["id"], locked.facts["label"])
                _write(
                    locked.action,
                    about,
                    Remembered(locked.facts["actor"]),
                    "repeated within the minute",
                    locked.count - 1,
                )
            locked.delete()
            settled += 1
    return settled


def _write(permission: str, about: Subject, actor: Accountable, reason: str, count: int) -> None:
    change = Change(comment=reason, facts={"permission": permission, "count": count})
    record("access.denied", about, actor=actor, change=change, outcome="denied")
