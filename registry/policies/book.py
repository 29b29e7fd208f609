"""The policies in force, and which of them hold for what is asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Protocol

from django.db import connection

from accounts.roles import Role
from core.refusals import Conflict
from registry.models import PolicyVersion
from registry.policies.documents import Action, PolicyDocument, Rule, digest_of, parse

IN_FORCE = (
    "SELECT p.name, v.number, v.digest, v.text FROM registry_policyversion v "
    "JOIN registry_policy p ON p.id = v.policy_id WHERE v.state = 'active'"
)


class Governed(Protocol):
    """A registered model, as policies see it."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def risk_tier(self) -> str:
        """Its tier."""
        ...


@dataclass(frozen=True)
class Governing:
    """A policy's version that holds for a request. The built-in default has no digest."""

    name: str
    version: int
    digest: str
    document: PolicyDocument

    @property
    def named(self) -> dict[str, object]:
        """What subject and ledger keep of it."""
        kept: dict[str, object] = {"id": self.name, "version": self.version}
        return {**kept, "digest": self.digest} if self.digest else kept


def built_in(name: str, *rules: Rule) -> Governing:
    """Return a policy that no text states."""
    return Governing(name, 1, "", PolicyDocument(name, rules))


DEFAULT = built_in("default", Rule(Role.REVIEWER, 1))
FREE = built_in("default")  # what the default says of a move that needs nobody
OFF = built_in("approvals-off")
BUILT_IN = {one.name: one for one in (DEFAULT, OFF)}


def in_force() -> list[Governing]:
    """Return the enabled policies in the order in which they are asked; by one plain statement, as every move asks."""
    with connection.cursor() as cursor:
        cursor.execute(IN_FORCE)
        rows = cursor.fetchall()
    return in_order(Governing(name, number, digest, parse(text)) for name, number, digest, text in rows)


def with_instead(version: PolicyVersion) -> list[Governing]:
    """Return the policies as they would be in force with `version`."""
    new = Governing(version.policy.name, version.number, version.digest, parse(version.text))
    return in_order([*(one for one in in_force() if one.name != new.name), new])


def in_order(policies: Iterable[Governing]) -> list[Governing]:
    """Return the enabled policies in the order in which they are asked."""
    enabled = (one for one in policies if one.document.enabled)
    return sorted(enabled, key=lambda one: (one.document.order, one.name))


def may_concern(policy: PolicyDocument, model: Governed) -> bool:
    """Whether the policy is for such a model, whatever is done with it."""
    named = any(_fits(model.name, pattern) for pattern in policy.models)
    return named and (not policy.risk or model.risk_tier in policy.risk)


def is_for(action: Action, asked: Action) -> bool:
    """Whether a policy's action is what is asked: a deployment, by the share it begins with and the share it takes."""
    if action.kind != asked.kind or not _fits(asked.what, action.what):
        return False
    if action.kind != "deploy":
        return True
    return asked.begins_above_pct > action.begins_above_pct and asked.share_above_pct > action.share_above_pct


def _fits(name: str, pattern: str) -> bool:
    """Whether the name is the pattern's, in any case: a look-alike does not get away. Only * stands for others."""
    literal = pattern.lower().replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(name.lower(), literal)


def first_for(asked: Action, model: Governed, book: Sequence[Governing]) -> Governing | None:
    """Return the first policy of `book` that matches, or None."""
    for one in book:
        if may_concern(one.document, model) and any(is_for(action, asked) for action in one.document.actions):
            return one
    return None


def concerning(model: Governed, book: Iterable[Governing]) -> list[str]:
    """Return the names of the policies that are for such a model, in their order."""
    return [one.name for one in book if may_concern(one.document, model)]


def named_in(said: dict[str, Any]) -> list[Governing]:
    """Return the policies that a subject's `policy` names, as they were then."""
    named = (said, *said.get("with", []))
    return [BUILT_IN.get(one["id"]) or _as_it_was(one["id"], one["version"], one["digest"]) for one in named]


@lru_cache(maxsize=512)
def _as_it_was(name: str, number: int, digest: str) -> Governing:
    """A text is never changed, so one look is enough. Raises Conflict where the row has another than was signed for."""
    text = PolicyVersion.objects.values_list("text", flat=True).filter(policy__name=name, number=number).first()
    if text is None or digest_of(text) != digest:
        raise Conflict(f"The text of policy {name} v{number} is not the one that was signed for: its row differs.")
    return Governing(name, number, digest, parse(text))
