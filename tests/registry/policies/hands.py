"""Puts policies in force as people do: one proposes, another accepts."""

from accounts.actors import Actor
from registry.models import PolicyVersion
from registry.policies import changes

ACTION = "stage: Production"


def text_of(
    name: str = "careful",
    *,
    order: int = 10,
    actions: str = f"[{{{ACTION}}}]",
    approvals: str = "[{group: reviewer, count: 2}]",
    more: str = "",
    match: str = "",
) -> str:
    """Return a policy's text."""
    return (
        f"type: signoff.policy/1\npolicy: {name}\norder: {order}\nmatch:\n  actions: {actions}\n{match}"
        f"approvals: {approvals}\n{more}"
    )


def put_in_force(text: str, people: dict[str, Actor]) -> PolicyVersion:
    """Return the version that rita proposed and ada accepted."""
    proposed = changes.propose(text, actor=people["rita"]).version
    return changes.accept(proposed, digest=proposed.digest, comment="agreed", actor=people["ada"])
