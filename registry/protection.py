"""Which aliases of a model need a signature to move: champion always, others by name."""

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import denied
from audit.record import Change, record
from core import clock, rows
from core.refusals import Conflict, Invalid
from registry import access, names, requests
from registry.models import RegisteredModel
from registry.models.registered import ALWAYS_PROTECTED

MOST = 20


def protected(model: RegisteredModel) -> list[str]:
    """Return the names that are protected, champion first."""
    return [ALWAYS_PROTECTED, *model.protected_aliases]


def may_protect(model: RegisteredModel, *, actor: Actor) -> bool:
    """Whether `actor` may protect an alias: the owner, and whoever sets limits."""
    owns = actor.user is not None and model.owner_id == actor.user.pk and actor.holds(Permission.MODEL_WRITE_OWN)
    return owns or may_release(actor=actor)


def may_release(*, actor: Actor) -> bool:
    """Whether `actor` may take protection away: whoever sets limits, so that no owner does without a signature."""
    return actor.holds(Permission.THRESHOLD_SET)


def protect(model: RegisteredModel, alias: str, *, actor: Actor) -> RegisteredModel:
    """Ask for a signature before `alias`, or what looks like it, moves from now on; doing it again changes nothing."""
    _authorise(model, actor, f"protect aliases of {model.name}", may=may_protect(model, actor=actor))
    wanted = names.check_alias(alias)
    with transaction.atomic():
        row = access.locked(model)
        if row.protects(wanted):
            return row
        if len(row.protected_aliases) >= MOST:
            raise Invalid(f"A model protects at most {MOST} aliases besides {ALWAYS_PROTECTED}.", field="alias")
        return _changed(row, sorted([*row.protected_aliases, wanted]), "alias.protected", actor)


def release(model: RegisteredModel, alias: str, *, actor: Actor) -> RegisteredModel:
    """Let `alias` move without a signature again; one that is not protected changes nothing."""
    _authorise(model, actor, f"release aliases of {model.name}", may=may_release(actor=actor))
    if model.protected_like(alias) == ALWAYS_PROTECTED:
        raise Conflict(f"{ALWAYS_PROTECTED} follows Production and is always protected.")
    with transaction.atomic():
        row = access.locked(model)
        wanted = row.protected_like(alias)
        if not wanted:
            return row
        return _changed(row, [name for name in row.protected_aliases if name != wanted], "alias.released", actor)


def _authorise(model: RegisteredModel, actor: Actor, deed: str, *, may: bool) -> None:
    if not may:
        raise denied(actor, Permission.THRESHOLD_SET, deed, about=access.model_subject(model))


def _changed(row: RegisteredModel, wanted: list[str], action: str, actor: Actor) -> RegisteredModel:
    before: dict[str, object] = {"protected_aliases": protected(row)}
    row.protected_aliases, row.updated_at = wanted, clock.now()
    rows.update(row, "protected_aliases", "updated_at")
    change = Change(before, {"protected_aliases": protected(row)})
    record(action, access.model_subject(row), actor=actor, change=change)
    requests.end_stale(row)
    return row
