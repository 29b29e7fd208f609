import pytest
from django.test import Client

from accounts import teams, users
from accounts.actors import Actor, Via, person, roles_of
from accounts.models import Team, User
from accounts.roles import Role
from audit.models import Event
from core.refusals import AlreadyExists, Denied, Invalid
from registry import access, grants, registered
from registry.grants import Grant, Right
from tests.factories import make_model

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


def again(actor: Actor) -> Actor:
    return person(User.objects.get(pk=actor.person.pk), actor.via)


def test_a_team_sees_a_restricted_model_as_long_as_one_is_in_it(dana: Actor, rita: Actor, ada: Actor) -> None:
    model = registered.update_model(make_model(dana, "Secret"), actor=dana, restricted=True)
    team = teams.create_team("risk", actor=ada)
    grants.give(model, Grant("group", "risk", Right.READ), actor=dana)
    assert not access.visible_models(rita).exists()
    teams.set_members(team, [rita.person], actor=ada)
    assert access.visible_models(rita).get() == model
    teams.set_members(team, [], actor=ada)
    assert not access.visible_models(rita).exists()
    told = Event.objects.filter(object_kind="team").order_by("id").values_list("action", flat=True)
    assert list(told) == ["team.created", "team.members.changed", "team.members.changed"]


def test_a_change_of_roles_leaves_the_teams_and_the_other_way_round(rita: Actor, ada: Actor) -> None:
    team = teams.create_team("risk", actor=ada)
    teams.set_members(team, [rita.person], actor=ada)
    users.set_roles(rita.person, roles=[Role.OPS], actor=ada)
    assert roles_of(rita.person) == {Role.OPS}
    assert [found.name for found in Team.objects.filter(user=rita.person)] == ["risk"]
    assert b'"before":{"roles":["reviewer"]}' in bytes(Event.objects.filter(action="user.roles.changed").get().body)


@pytest.mark.parametrize("name", ["reviewer", "Admin", "", " ", "x" * 151, "two\nlines"])
def test_a_team_is_not_called_like_a_role(ada: Actor, name: str) -> None:
    with pytest.raises(Invalid):
        teams.create_team(name, actor=ada)


def test_only_an_admin_makes_and_fills_teams(people: dict[str, Actor]) -> None:
    team = teams.create_team("risk", actor=people["ada"])
    with pytest.raises(AlreadyExists):
        teams.create_team("risk", actor=people["ada"])
    for name in set(people) - {"ada"}:
        with pytest.raises(Denied):
            teams.create_team("other", actor=people[name])
        with pytest.raises(Denied):
            teams.set_members(team, [people[name].person], actor=people[name])


def test_an_admin_does_it_in_the_admin_site(ada: Actor, rita: Actor, olga: Actor) -> None:
    client = Client()
    client.force_login(ada.person, backend=BACKEND)
    made = client.post("/admin/accounts/team/add/", {"name": "risk", "members": [rita.person.pk]})
    team = Team.objects.get()
    assert (made.status_code, [p.username for p in team.user_set.all()]) == (302, ["rita"])
    page = client.get("/admin/accounts/team/").content.decode()
    assert "risk" in page
    assert "data-scientist" not in page
    client.post(f"/admin/accounts/team/{team.pk}/change/", {"members": [olga.person.pk]})
    assert [p.username for p in team.user_set.all()] == ["olga"]
    assert b"is a role" in client.post("/admin/accounts/team/add/", {"name": "reviewer"}).content
    assert client.post(f"/admin/accounts/team/{team.pk}/delete/", {"post": "yes"}).status_code == 403
    reader = Client()
    reader.force_login(olga.person, backend=BACKEND)
    assert reader.get("/admin/accounts/team/").status_code == 200
    assert reader.post("/admin/accounts/team/add/", {"name": "other"}).status_code == 403


def test_a_wish_of_somebody_in_a_team_is_granted_like_any_other(otto: Actor, ada: Actor) -> None:
    teams.set_members(teams.create_team("risk", actor=ada), [otto.person], actor=ada)
    wish = users.request_access(otto.person, role=Role.OPS, reason="night duty", actor=otto)
    client = Client()
    client.force_login(ada.person, backend=BACKEND)
    client.post("/admin/accounts/accessrequest/", {"action": "give", "_selected_action": [wish.pk]})
    assert roles_of(again(otto).person) == {Role.OPS}


def test_a_right_is_given_to_a_team_on_the_models_page(dana: Actor, eli: Actor, ada: Actor) -> None:
    model = registered.update_model(make_model(dana, "Secret"), actor=dana, restricted=True)
    teams.set_members(teams.create_team("risk", actor=ada), [eli.person], actor=ada)
    client = Client()
    client.force_login(dana.person, backend=BACKEND)
    assert b"risk" in client.get("/models/Secret/permissions").content
    client.post("/models/Secret/permissions/give", {"holder": "group:risk", "right": "write"})
    assert access.visible_models(eli).get() == model


def test_nobody_puts_herself_into_a_team_or_out_of_it(ada: Actor, rita: Actor) -> None:
    team = teams.create_team("risk", actor=ada)
    with pytest.raises(Denied, match="herself"):
        teams.set_members(team, [ada.person, rita.person], actor=ada)
    other = person(users.create_user("anna", roles=[Role.ADMIN], actor=ada), Via.PASSWORD)
    teams.set_members(team, [ada.person], actor=other)
    with pytest.raises(Denied, match="herself"):
        teams.set_members(team, [], actor=ada)
    teams.set_members(team, [ada.person, rita.person], actor=ada)
    assert team.user_set.count() == 2
