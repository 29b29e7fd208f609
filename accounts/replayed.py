"""What the ledger says of people and teams, and where their rows stand."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from django.db.models import Q, QuerySet

from accounts.models import ApiToken, Team, User
from accounts.permissions import enters_admin
from accounts.roles import Role
from accounts.tokens import fingerprint_of
from audit.replay.story import Body, Kind, Word, by_key
from core import clock


def _roles(body: Body) -> Iterable[Word]:
    yield Word(body["object"]["id"], _listed(body["after"]["roles"]))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def role_rows(people: QuerySet[User]) -> Iterator[tuple[str, str]]:
    """Yield each person's roles by her key; a superuser, whom Signoff does not know, is shown as one.

    So is whoever may enter the admin site without a role for it, or may not with one.
    """
    rows = people.order_by("pk").values_list("pk", "is_superuser", "is_staff", "groups__name").iterator()
    for (key, superuser, staff), some in groupby(rows, lambda row: row[:3]):
        names = {name for *_, name in some} & {str(role) for role in Role}
        told = "superuser" if superuser else ""
        told += "" if staff == enters_admin(names) else " staff" if staff else " no staff"
        yield str(key), _listed(names | {told.strip()} if told else names)


def _members(body: Body) -> Iterable[Word]:
    yield Word(body["object"]["id"], _listed(body["after"].get("members", [])))


def member_rows(teams: Q) -> Iterator[tuple[str, str]]:
    """Yield who is in each team by its key."""
    rows = Team.objects.filter(teams).order_by("pk").values_list("pk", "user__username").iterator()
    for key, some in groupby(rows, lambda row: row[0]):
        yield str(key), _listed(person for _, person in some if person)


def _password(body: Body) -> Iterable[Word]:
    if said := body["facts"].get("fingerprint"):
        yield Word(body["object"]["id"], said)


def _passwords() -> Iterator[tuple[str, str]]:
    for key, password in User.objects.order_by("pk").values_list("pk", "password").iterator():
        yield str(key), fingerprint_of(password)


REVOKED = "revoked"


def _token(body: Body) -> Iterable[Word]:
    said = body["after"]
    yield Word(body["object"]["id"], _usable(said["user"], said["scopes"], said["expires_at"]))


def _usable(person: str, scopes: Iterable[str], until: str) -> str:
    return f"{person}: {', '.join(scopes)} until {until}"


def _token_rows() -> Iterator[tuple[str, str]]:
    names = ("prefix", "user__username", "scopes", "expires_at", "revoked_at")
    for key, person, scopes, until, revoked_at in ApiToken.objects.order_by("pk").values_list(*names).iterator():
        yield key, REVOKED if revoked_at else _usable(person, scopes, clock.iso(until))


def _fingerprint(body: Body) -> Iterable[Word]:
    if said := body["facts"].get("fingerprint"):
        yield Word(body["object"]["id"], said)


def _useless(body: Body) -> Iterable[Word]:
    """A revoked token's secret opens nothing: so one that was changed is settled by revoking the token."""
    yield Word(body["object"]["id"], None)


def _secret_rows() -> Iterator[tuple[str, str]]:
    usable = ApiToken.objects.filter(revoked_at=None).order_by("pk").values_list("prefix", "sha256")
    for key, sha256 in usable.iterator():
        yield key, fingerprint_of(sha256)


KINDS = (
    Kind(
        "roles", "roles of user", {"user.created": _roles, "user.roles.changed": _roles},
        lambda: role_rows(User.objects.all()),
    ),
    Kind(
        "access", "access of user",
        {
            "user.created": lambda body: [Word(body["object"]["id"], "True")],
            "user.deactivated": lambda body: [Word(body["object"]["id"], "False")],
        },
        by_key(lambda: User.objects.order_by("pk").values_list("pk", "is_active"), "{}"),
    ),
    Kind(
        "token", "use of token",
        {"token.created": _token, "token.revoked": lambda body: [Word(body["object"]["id"], REVOKED)]}, _token_rows,
    ),
    Kind(
        "secret", "secret of token", {"token.created": _fingerprint, "token.revoked": _useless}, _secret_rows,
        complete=False,
    ),
    Kind(
        "user", "name of user", {"user.created": lambda body: [Word(body["object"]["id"], body["object"]["label"])]},
        by_key(lambda: User.objects.order_by("pk").values_list("pk", "username"), "{}"),
    ),
    Kind(
        "password", "password of user", {"user.created": _password, "user.password.changed": _password}, _passwords,
        complete=False,
    ),
    Kind(
        "team name", "name of team",
        {"team.created": lambda body: [Word(body["object"]["id"], body["object"]["label"])]},
        by_key(lambda: Team.objects.order_by("pk").values_list("pk", "name"), "{}"),
    ),
    Kind(
        "team", "people in team", {"team.created": _members, "team.members.changed": _members},
        lambda: member_rows(Q()),
    ),
)  # fmt: skip
