"""Whoever acts, as every write needs to know them."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from accounts.permissions import GRANTED, Permission, Scope, needed_scope
from accounts.roles import Role
from core.refusals import Denied

if TYPE_CHECKING:
    from accounts.models import User


class Via(StrEnum):
    """How the actor was recognised."""

    PASSWORD = "password"
    TOKEN = "token"
    BASIC = "basic"
    SIGN_IN_LINK = "sign-in-link"
    COMMAND = "command"
    SYSTEM = "system"
    SCHEDULE = "schedule"  # in whose name a file is scored again and again
    ALERT = "alert-rule"  # in whose name an alert that she wrote rolls back


@dataclass(frozen=True)
class Actor:
    """A person (or the system) together with how she came in. `scopes` is None where the whole person acts."""

    user: "User | None"
    via: Via
    scopes: frozenset[Scope] | None = None
    token_prefix: str = ""
    address: str = ""
    request_id: str = ""
    groups: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def roles(self) -> frozenset[Role]:
        """The roles among the names of the person's groups; the others are teams."""
        return _among(self.groups)

    @property
    def name(self) -> str:
        """The user name, or `system`."""
        return self.user.username if self.user else "system"

    @property
    def person(self) -> "User":
        """The user; raises Denied where the system acts."""
        if self.user is None:
            raise Denied("Only a person can do this.")
        return self.user

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        """What the roles give, less what the token's scopes leave out."""
        given = frozenset().union(*(GRANTED[role] for role in self.roles)) if self.roles else frozenset[Permission]()
        return given if self.scopes is None else frozenset(p for p in given if needed_scope(p) in self.scopes)

    def holds(self, permission: Permission) -> bool:
        """Whether the actor's roles and token give `permission`."""
        return permission in self.permissions

    def may_use(self, permission: Permission) -> bool:
        """Whether the token's scopes leave room for `permission` (say, one that a grant gives)."""
        return self.scopes is None or needed_scope(permission) in self.scopes

    @property
    def facts(self) -> dict[str, object]:
        """What the ledger keeps."""
        return {
            "kind": "user" if self.user else "system",
            "id": self.user.pk if self.user else None,
            "name": self.name,
            "roles": sorted(self.roles),
            "via": str(self.via),
            "token": self.token_prefix,
            "address": self.address,
            "request_id": self.request_id,
        }


SYSTEM = Actor(user=None, via=Via.SYSTEM)
COMMAND = Actor(user=None, via=Via.COMMAND)


def roles_of(user: "User") -> frozenset[Role]:
    """Return the roles `user` holds through her groups; one query."""
    return _among(groups_of(user))


def groups_of(user: "User") -> frozenset[str]:
    """Return the names of the user's roles and teams; one query."""
    return frozenset(user.groups.values_list("name", flat=True))


def _among(groups: frozenset[str]) -> frozenset[Role]:
    return frozenset(role for role in Role if role in groups)


def person(user: "User", via: Via, *, address: str = "", request_id: str = "") -> Actor:
    """Return `user` acting as a whole, by session or command."""
    return Actor(user, via, address=address, request_id=request_id, groups=groups_of(user))
