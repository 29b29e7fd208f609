import pytest
from django.core.management import CommandError, call_command

from accounts import links
from accounts.actors import COMMAND, Actor, roles_of
from accounts.models import AccessRequest, ApiToken, User
from accounts.permissions import GRANTED, Permission
from accounts.roles import Role
from accounts.users import create_user, request_access, set_roles
from core.refusals import AlreadyExists, Denied, Invalid

pytestmark = pytest.mark.django_db


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


def test_an_admin_cannot_lock_everybody_out_by_herself(ada: Actor) -> None:
    with pytest.raises(Invalid):
        set_roles(ada.person, roles=[], actor=ada)


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
