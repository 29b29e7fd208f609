"""Creates people and changes their roles."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.actors import Actor, Via, roles_of
from accounts.models import AccessRequest, User
from accounts.permissions import Permission, enters_admin
from accounts.policy import require
from accounts.roles import Role
from accounts.tokens import fingerprint_of
from audit.record import Change, Subject, record
from core import clock
from core.refusals import AlreadyExists, Denied, Invalid
from core.words import written


def subject_of(user: User) -> Subject:
    """Return `user` as the ledger names her."""
    return Subject("user", str(user.pk), user.username)


def create_user(name: str, *, roles: Iterable[Role], actor: Actor, password: str | None = None) -> User:
    """Create a person with `roles`; without a password she signs in by link or token only.

    Raises Invalid for a name Django refuses, AlreadyExists for a taken one, Denied unless `actor` is the
    host's operator (a command) or may manage users.
    """
    if actor.via is not Via.COMMAND:
        require(actor, Permission.USER_MANAGE, "create users")
    _check_name(name)
    roles = sorted(set(roles))
    try:
        with transaction.atomic():
            user = User.objects.create_user(username=name, password=password)
            _put_in_groups(user, roles)
            facts: dict[str, object] = {"fingerprint": fingerprint_of(user.password)}
            record("user.created", subject_of(user), actor=actor, change=Change(after={"roles": roles}, facts=facts))
    except IntegrityError as why:
        raise AlreadyExists(f"There is a user named {name}.") from why
    return user


def _check_name(name: str) -> None:
    try:
        User._meta.get_field("username").run_validators(name)
        User.username_validator(name)
    except ValidationError as why:
        raise Invalid(
            f"{name[:40]!r} is not a user name: at most 150 letters, digits and @ . + - _.", field="name"
        ) from why
    if not name:
        raise Invalid("Give a user name.", field="name")


def set_roles(user: User, *, roles: Iterable[Role], actor: Actor) -> None:
    """Give `user` exactly `roles`; settles her open wishes for them. The roles she has already change nothing.

    Raises Denied unless `actor` is the host's operator (a command) or another person who manages users: nobody
    changes her own roles.
    """
    if actor.via is not Via.COMMAND:
        require(actor, Permission.USER_MANAGE, "change roles")
    wanted = sorted(set(roles))
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        before = sorted(roles_of(locked))
        if before == wanted:
            return
        if actor.user == user:
            raise Denied(
                "Nobody changes her own roles.", about=subject_of(user),
                next_step="Another admin does, or `set_roles` on the host.",
            )  # fmt: skip
        _put_in_groups(locked, wanted)
        AccessRequest.objects.filter(user=locked, role__in=wanted, settled_at=None).update(settled_at=clock.now())
        change = Change(before={"roles": before}, after={"roles": wanted})
        record("user.roles.changed", subject_of(locked), actor=actor, change=change)


def change_password(user: User, *, password: str, actor: Actor) -> None:
    """Give `user` a password of her own choosing; her other sessions end with the old one, her API tokens do not.

    Whether the caller proved to be her, and whether the password is a good one, was asked at the door.
    """
    if actor.user != user:
        raise Denied("Only the person herself changes her password.")
    with transaction.atomic():
        first = not user.has_usable_password()
        user.set_password(password)
        user.save(update_fields=["password"])
        facts: dict[str, object] = {"first": first, "fingerprint": fingerprint_of(user.password)}
        record("user.password.changed", subject_of(user), actor=actor, change=Change(facts=facts))


def deactivate(user: User, *, actor: Actor) -> None:
    """End `user`'s access: sessions, tokens and links stop working at their next use."""
    require(actor, Permission.USER_MANAGE, "deactivate users")
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            record("user.deactivated", subject_of(user), actor=actor)


def request_access(user: User, *, role: Role, reason: str, actor: Actor) -> AccessRequest:
    """Ask for `role`; asking again returns the open wish. Raises Invalid for a role that is hers already."""
    if role in roles_of(user):
        raise Invalid(f"You are {role.label} already.", field="role")
    if not written(reason):
        raise Invalid("Say what you need the role for.", field="reason")
    with transaction.atomic():
        wish, new = AccessRequest.objects.get_or_create(
            user=user, role=role, settled_at=None, defaults={"reason": reason[:1000]}
        )
        if new:
            about = Subject("user", str(user.pk), f"{user.username} as {role.label}")
            record("access.requested", about, actor=actor, change=Change(comment=reason[:1000], after={"role": role}))
    return wish


def _put_in_groups(user: User, roles: list[Role]) -> None:
    """Give `user` the groups of `roles` and no other role's; her teams stay."""
    user.groups.remove(*Group.objects.filter(name__in=set(Role) - set(roles)))
    user.groups.add(*(Group.objects.get_or_create(name=role)[0] for role in roles))
    user.is_staff = enters_admin(roles)
    user.is_superuser = False
    user.save(update_fields=["is_staff", "is_superuser"])
