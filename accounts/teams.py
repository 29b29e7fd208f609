"""Teams: groups of people that rights on models are given to. A role is a group too, and no team."""

from collections.abc import Collection

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.models import Team, User
from accounts.permissions import Permission
from accounts.policy import require
from accounts.roles import Role
from audit.record import Change, Subject, record
from core.refusals import AlreadyExists, Denied, Invalid

NAME_MAX = 150


def team_subject(team: Group) -> Subject:
    """Return `team` as the ledger names it."""
    return Subject("team", str(team.pk), team.name)


def create_team(name: str, *, actor: Actor) -> Team:
    """Create a team without people; raise Invalid for a role's name, AlreadyExists for a taken one."""
    require(actor, Permission.USER_MANAGE, "create teams")
    name = name.strip()
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise Invalid(f"A team's name has 1 to {NAME_MAX} characters.", field="name")
    if name.lower() in set(Role):
        raise Invalid(f"{name} is a role; give it to people, and call the team something else.", field="name")
    try:
        with transaction.atomic():
            team = Team(name=name)
            team.save(force_insert=True)
            record("team.created", team_subject(team), actor=actor)
    except IntegrityError as why:
        raise AlreadyExists(f"There is a team named {name}.") from why
    return team


def set_members(team: Team, people: Collection[User], *, actor: Actor) -> None:
    """Put exactly `people` into the team; they gain and lose at once what it was given. The same change nothing.

    Raises Denied without the right, and for whoever would put herself in or out: policies ask teams for approvals.
    """
    require(actor, Permission.USER_MANAGE, "change teams", about=team_subject(team))
    with transaction.atomic():
        locked = Team.objects.select_for_update().get(pk=team.pk)
        before = sorted(locked.user_set.values_list("username", flat=True))
        wanted = sorted(person.username for person in people)
        if before == wanted:
            return
        if actor.name in set(before) ^ set(wanted):
            raise Denied(
                "Nobody puts herself into a team or out of it.", about=team_subject(team),
                next_step="Another admin does.",
            )  # fmt: skip
        locked.user_set.set(people)
        change = Change(before={"members": before}, after={"members": wanted})
        record("team.members.changed", team_subject(locked), actor=actor, change=change)
