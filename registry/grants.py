"""Rights on one registered model, given to a person or to a group (a role or a team)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from accounts.policy import denied
from audit.record import Change, record
from core.refusals import Invalid
from registry import access
from registry.models import RegisteredModel, RegisteredModelGroupPermission, RegisteredModelUserPermission

if TYPE_CHECKING:
    from django.db.models import QuerySet


class Right(StrEnum):
    """What can be given. Writing includes reading."""

    READ = "read"
    WRITE = "write"


CODENAMES = {Right.READ: "view_registeredmodel", Right.WRITE: access.WRITE}
WORDS = {codename: right for right, codename in CODENAMES.items()}


@dataclass(frozen=True)
class Grant:
    """A right that was given. `kind` is person or group."""

    kind: str
    name: str
    right: Right


def may_give(model: RegisteredModel, *, actor: Actor) -> bool:
    """Whether `actor` gives rights on `model`: its owner, or an admin."""
    owns = actor.user is not None and model.owner_id == actor.user.pk and actor.holds(Permission.MODEL_WRITE_OWN)
    return owns or actor.holds(Permission.GRANT_GIVE)


def grants_of(model: RegisteredModel) -> list[Grant]:
    """Return every right given on `model`, people first, by name."""
    people = RegisteredModelUserPermission.objects.filter(content_object=model, permission__codename__in=WORDS)
    groups = RegisteredModelGroupPermission.objects.filter(content_object=model, permission__codename__in=WORDS)
    return [
        *(Grant("person", name, WORDS[code]) for name, code in _pairs(people, "user__username")),
        *(Grant("group", name, WORDS[code]) for name, code in _pairs(groups, "group__name")),
    ]


def _pairs(rows: "QuerySet[Any]", name: str) -> list[tuple[str, str]]:
    return list(rows.order_by(name, "permission__codename").values_list(name, "permission__codename"))


def give(model: RegisteredModel, grant: Grant, *, actor: Actor) -> None:
    """Give the right; giving it again changes nothing. Raises Invalid for somebody who is not there."""
    _change(model, grant, actor, given=True)


def take(model: RegisteredModel, grant: Grant, *, actor: Actor) -> None:
    """Take the right away; one that was not given is no error."""
    _change(model, grant, actor, given=False)


def _change(model: RegisteredModel, grant: Grant, actor: Actor, *, given: bool) -> None:
    about = access.model_subject(model)
    if not may_give(model, actor=actor):
        refusal = denied(actor, Permission.GRANT_GIVE, f"give rights on {model.name}", about=about)
        refusal.next_step = f"Its owner, {model.owner.username}, may, and an Admin."
        raise refusal
    holder = _holder(grant)
    with transaction.atomic():
        row = access.locked(model)
        if (grant in grants_of(row)) == given:
            return
        (assign_perm if given else remove_perm)(CODENAMES[grant.right], holder, row)
        said: dict[str, object] = {"kind": grant.kind, "name": grant.name, "right": grant.right}
        change = Change(after=said) if given else Change(before=said)
        record("grant.given" if given else "grant.removed", about, actor=actor, change=change)


def _holder(grant: Grant) -> User | Group:
    rows = User.objects.filter(username=grant.name) if grant.kind == "person" else Group.objects.filter(name=grant.name)
    found: User | Group | None = rows.first()
    if found is None:
        raise Invalid(f"There is no {grant.kind} named {grant.name[:80]}.", field="name")
    return found
