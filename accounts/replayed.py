"""What the ledger says of people and teams, and where their rows stand."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from accounts.models import Team, User
from accounts.roles import Role
from audit.replay.story import Body, Kind, Word, by_key


def _roles(body: Body) -> Iterable[Word]:
    yield Word(body["object"]["id"], _listed(body["after"]["roles"]))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _role_rows() -> Iterator[tuple[str, str]]:
    """Each person's roles; a superuser, whom Signoff does not know, is shown as one."""
    rows = User.objects.order_by("pk").values_list("pk", "is_superuser", "groups__name").iterator()
    for (key, superuser), some in groupby(rows, lambda row: (row[0], row[1])):
        names = {name for _, _, name in some} & {str(role) for role in Role}
        yield str(key), _listed(names | {"superuser"} if superuser else names)


def _members(body: Body) -> Iterable[Word]:
    yield Word(body["object"]["id"], _listed(body["after"].get("members", [])))


def _member_rows() -> Iterator[tuple[str, str]]:
    rows = Team.objects.order_by("pk").values_list("pk", "user__username").iterator()
    for key, some in groupby(rows, lambda row: row[0]):
        yield str(key), _listed(person for _, person in some if person)


KINDS = (
    Kind("roles", "roles of user", {"user.created": _roles, "user.roles.changed": _roles}, _role_rows),
    Kind(
        "access", "access of user",
        {
            "user.created": lambda body: [Word(body["object"]["id"], "True")],
            "user.deactivated": lambda body: [Word(body["object"]["id"], "False")],
        },
        by_key(lambda: User.objects.order_by("pk").values_list("pk", "is_active"), "{}"),
    ),
    Kind("team", "people in team", {"team.created": _members, "team.members.changed": _members}, _member_rows),
)  # fmt: skip
