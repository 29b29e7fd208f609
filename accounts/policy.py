"""Refuses an actor who does not hold a permission, in a sentence that says who does."""

from accounts.actors import Actor
from accounts.permissions import Permission, needed_scope, roles_with
from audit.record import Subject
from core.refusals import Denied


def require(actor: Actor, permission: Permission, deed: str, *, about: Subject | None = None) -> None:
    """Return where `actor` holds `permission`; raise Denied otherwise. `deed` completes "may not …"."""
    if actor.holds(permission):
        return
    raise denied(actor, permission, deed, about=about)


def denied(actor: Actor, permission: Permission, deed: str, *, about: Subject | None = None) -> Denied:
    """Return the refusal: the token's scope where that is what is missing, else the roles that may."""
    whole_person = Actor(actor.user, actor.via, groups=actor.groups)
    if whole_person.holds(permission):
        scope = needed_scope(permission)
        step = f"Use a token with the scope '{scope}', made under Account, API tokens."
        return Denied(f"This token may not {deed}.", needs=permission, next_step=step, about=about)
    who = " or ".join(role.label for role in roles_with(permission)) or "nobody by role"
    return Denied(f"{actor.name} may not {deed}.", needs=permission, next_step=f"It needs the role {who}.", about=about)
