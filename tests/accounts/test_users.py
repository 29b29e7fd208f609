import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import links
from accounts.actors import COMMAND, Actor, Via, person, roles_of
from accounts.models import AccessRequest, ApiToken, User
from accounts.permissions import GRANTED, Permission
from accounts.replayed import KINDS
from accounts.roles import Role
from accounts.users import create_user, request_access, set_roles
from audit.models import Event
from audit.replay.turns import differing
from core.refusals import AlreadyExists, Denied, Invalid

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.mark.parametrize("name", ["", "a b", "x/y", "é" * 200, "dana\n"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        create_user(name, roles=[], actor=COMMAND)


def test_a_name_is_given_once(dana: Actor) -> None:
    with pytest.raises(AlreadyExists):
        create_user("dana", roles=[], actor=COMMAND)


def test_only_admins_make_people_and_give_roles(people: dict[str, Actor]) -> None:
    for name, actor in people.items():
        if name == "ada":
            set_roles(people["otto"].person, roles=[Role.AUDITOR], actor=actor)
            continue
        with pytest.raises(Denied):
            create_user(f"by-{name}", roles=[], actor=actor)
        with pytest.raises(Denied):
            set_roles(people["dana"].person, roles=list(Role), actor=actor)
    assert roles_of(people["otto"].person) == {Role.AUDITOR}


@pytest.mark.parametrize("roles", [[], [Role.ADMIN, Role.REVIEWER]])
def test_nobody_changes_her_own_roles(ada: Actor, roles: list[Role]) -> None:
    with pytest.raises(Denied, match="her own roles"):
        set_roles(ada.person, roles=roles, actor=ada)
    set_roles(ada.person, roles=[Role.ADMIN], actor=ada)  # as they are
    assert roles_of(ada.person) == {Role.ADMIN}


def test_another_admin_and_the_hosts_operator_may(ada: Actor) -> None:
    other = person(create_user("anna", roles=[Role.ADMIN], actor=ada), Via.PASSWORD)
    set_roles(ada.person, roles=[Role.ADMIN, Role.OPS], actor=other)
    call_command("set_roles", "ada", "--role", "reviewer")
    assert roles_of(ada.person) == {Role.REVIEWER}
    assert Event.objects.filter(action="user.roles.changed").last().actor_name == COMMAND.name  # type: ignore[union-attr]
    with pytest.raises(CommandError, match="no user"):
        call_command("set_roles", "nobody", "--role", "ops")


def test_the_admin_site_gives_an_admin_no_role_of_her_own(ada: Actor, client: Client) -> None:
    client.force_login(ada.person, backend="django.contrib.auth.backends.ModelBackend")
    page = f"/admin/accounts/user/{ada.person.pk}/change/"
    said = client.post(page, {"roles": ["admin", "reviewer"], "is_active": "on"}, follow=True).content.decode()
    assert "Nobody changes her own roles." in said
    assert roles_of(ada.person) == {Role.ADMIN}
    wish = request_access(ada.person, role=Role.REVIEWER, reason="me", actor=ada)
    client.post("/admin/accounts/accessrequest/", {"action": "give", "_selected_action": [wish.pk]})
    assert roles_of(ada.person) == {Role.ADMIN}


def test_no_role_is_a_silent_bypass() -> None:
    assert Permission.REQUEST_DECIDE not in GRANTED[Role.ADMIN]
    assert Permission.STAGE_PRODUCTION not in GRANTED[Role.ADMIN]
    reads = {Permission.MODEL_READ, Permission.LEDGER_READ, Permission.MODEL_READ_RESTRICTED, Permission.ADMIN_READ}
    assert not GRANTED[Role.AUDITOR] - reads


def test_a_wish_for_a_role_is_open_once_and_settled_by_giving_it(otto: Actor, ada: Actor) -> None:
    first = request_access(otto.person, role=Role.OPS, reason="on call", actor=otto)
    assert request_access(otto.person, role=Role.OPS, reason="please", actor=otto) == first
    set_roles(otto.person, roles=[Role.OPS], actor=ada)
    assert AccessRequest.objects.get().settled_at is not None


def test_create_user_prints_the_token_alone_on_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_user", "zoe", "--role", "data-scientist", "--role", "ml-engineer", "--print-token")
    printed = capsys.readouterr()
    assert printed.out.strip().startswith("so_")
    assert "\n" not in printed.out.strip()
    assert ApiToken.objects.get().scopes == ["read", "write"]
    with pytest.raises(CommandError, match="There is a user named zoe"):
        call_command("create_user", "zoe")


def test_a_link_signs_in_once(dana: Actor) -> None:
    secret = links.make_link(dana.person, actor=COMMAND)
    assert links.use_link(secret, demo_run="").user == dana.user
    with pytest.raises(Denied):
        links.use_link(secret, demo_run="")


def test_a_demos_link_lasts_as_long_as_its_run(dana: Actor) -> None:
    secret = links.make_link(dana.person, actor=COMMAND, demo_run="run-1")
    for _ in range(2):
        assert links.use_link(secret, demo_run="run-1").user == dana.user
    for other in ("", "run-2"):
        with pytest.raises(Denied):
            links.find_link(secret, demo_run=other)


def test_the_set_up_link_is_for_an_installation_without_admin(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("setup_link")
    assert "/setup/" in capsys.readouterr().out
    create_user("root", roles=[Role.ADMIN], actor=COMMAND)
    with pytest.raises(CommandError, match="admin already"):
        call_command("setup_link")
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("command", "instead"), [("createsuperuser", "setup_link"), ("changepassword", "sign_in_link")]
)
def test_djangos_commands_past_the_ledger_are_refused(command: str, instead: str) -> None:
    with pytest.raises(CommandError, match=instead):
        call_command(command)
    assert not User.objects.exists()


def test_a_role_one_has_is_not_asked_for(dana: Actor) -> None:
    with pytest.raises(Invalid, match="already"):
        request_access(dana.person, role=Role.DATA_SCIENTIST, reason="again", actor=dana)
    assert not AccessRequest.objects.exists()


def test_the_admin_site_tells_the_ledger_of_all_that_it_changes_of_a_person(
    ada: Actor, otto: Actor, client: Client
) -> None:
    """Out, in again, another name: each is an event, and the rows are what the ledger says afterwards."""
    client.force_login(ada.person, backend=BACKEND)
    page = f"/admin/accounts/user/{otto.person.pk}/change/"
    sent = {"first_name": "Otto", "last_name": "", "email": "o@example.com"}
    for form in (sent, {**sent, "is_active": "on"}, {**sent, "is_active": "on"}):
        assert "changed successfully" in client.post(page, form, follow=True).content.decode()
    told = Event.objects.filter(object_kind="user", object_id=str(otto.person.pk)).order_by("id")
    assert list(told.values_list("action", "actor_name")) == [
        ("user.created", "system"), ("user.deactivated", "ada"), ("user.updated", "ada"), ("user.reactivated", "ada"),
    ]  # fmt: skip
    assert list(differing(KINDS)) == []


def test_the_last_active_admin_stays_and_nothing_of_a_refused_form_is_kept(ada: Actor, client: Client) -> None:
    client.force_login(ada.person, backend=BACKEND)
    page = f"/admin/accounts/user/{ada.person.pk}/change/"
    for form in ({"roles": ["admin"], "email": "a@example.com"}, {"roles": ["admin", "reviewer"], "is_active": "on"}):
        said = client.post(page, {"first_name": "A", **form}, follow=True).content.decode()
        assert "last active admin" in said or "Nobody changes her own roles" in said
        assert "changed successfully" not in said
    ada.person.refresh_from_db()
    assert (ada.person.is_active, ada.person.first_name, ada.person.email) == (True, "", "")
