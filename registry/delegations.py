"""Lets somebody decide in another's place while she is away: one hop, with an end."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from accounts.actors import Actor, Via, person
from accounts.models import User
from accounts.permissions import Permission, roles_with
from accounts.policy import require
from accounts.users import subject_of
from audit.record import Change, record
from core import clock
from core.refusals import Invalid
from core.words import written
from registry import weakening
from registry.models import ApprovalRequest, Decision, Delegation
from registry.weakening import Weakening

LONGEST = timedelta(days=30)


def held_by(actor: Actor) -> Delegation | None:
    """Return the delegation that the actor gave and that holds, or None."""
    return Delegation.objects.active().select_related("person", "to").filter(person=actor.user).first()


def delegate(name: str, *, ends_at: datetime, reason: str, actor: Actor) -> Delegation:
    """Let `name` decide for the actor until `ends_at`, instead of whoever did before.

    Raises Invalid for somebody who decides nothing herself, for the actor, and for an end that is past or far.
    """
    require(actor, Permission.REQUEST_DECIDE, "delegate decisions")
    to = User.objects.filter(username=name, is_active=True).first()
    if to is None or to == actor.user or not person(to, Via.PASSWORD).holds(Permission.REQUEST_DECIDE):
        raise Invalid("Name somebody else who decides on requests.", field="to")
    if not clock.now() < ends_at <= clock.now() + LONGEST:
        raise Invalid(f"The end is within the next {LONGEST.days} days.", field="ends_at")
    if not written(reason) or len(reason) > 500:  # noqa: PLR2004 - what the row holds
        raise Invalid("Say why, in at most 500 characters.", field="reason")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.person.pk)
        _end(actor.person)
        row = Delegation.objects.create(person=actor.person, to=to, ends_at=ends_at, reason=written(reason))
        change = Change(after={"to": to.username, "ends_at": clock.iso(ends_at)}, comment=row.reason)
        record("delegation.given", subject_of(actor.person), actor=actor, change=change)
    return row


def take_back(*, actor: Actor) -> None:
    """Decide for oneself again; where nobody was named it changes nothing."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.person.pk)
        if row := held_by(actor):
            _end(actor.person)
            change = Change(before={"to": row.to.username})
            record("delegation.ended", subject_of(actor.person), actor=actor, change=change)


def _end(giver: User) -> None:
    Delegation.objects.filter(person=giver, ended_at=None).update(ended_at=clock.now())


def absent_for(request: ApprovalRequest, actor: Actor) -> QuerySet[User]:
    """Return the people in whose place the actor may decide on the request, in the order in which they asked her.

    They decide on requests, had no part in this one, and nobody else decided in it for them, nor they themselves.
    """
    given = Delegation.objects.active().filter(to=actor.user)
    spoken = Decision.objects.filter(request=request)
    rows = User.objects.filter(delegations_given__in=given, groups__name__in=roles_with(Permission.REQUEST_DECIDE))
    rows = rows.exclude(pk__in=had_part(request)).exclude(pk__in=spoken.values("person"))
    for_others = spoken.exclude(for_person=None).exclude(person=actor.user)
    return rows.exclude(pk__in=for_others.values("for_person")).order_by("delegations_given__pk")


def had_part(request: ApprovalRequest, weakened: list[Weakening] | None = None) -> set[int]:
    """Return who asked, registered or trained, it or what it is a copy of, or made less be asked: by their keys."""
    standing = weakening.of(request.model) if weakened is None else weakened
    return {request.requester_id, *request.version.makers, *(one.person for one in standing)}
