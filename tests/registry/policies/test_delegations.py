"""While somebody is away another fills her place: one hop, with an end, and no voice counts twice."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts import teams, users
from accounts.actors import Actor, Via, person
from accounts.models import User
from accounts.roles import Role
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid
from registry import decisions, delegations
from registry.decisions import Choice, Verdict
from registry.models import ApprovalRequest, Decision, Delegation
from registry.models.approvals import RequestState
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture
def request_(people: dict[str, Actor]) -> ApprovalRequest:
    """A request that asks a reviewer and somebody of the committee, of whom rob is the only one."""
    team = teams.create_team("risk", actor=people["ada"])
    teams.set_members(team, [people["rob"].person], actor=people["ada"])
    users.create_user("rea", roles=[Role.REVIEWER], actor=people["ada"])
    put_in_force(text_of(approvals="[{group: risk, count: 1}, {group: reviewer, count: 1}]"), people)
    return ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])


def named(name: str) -> Actor:
    return person(User.objects.get(username=name), Via.PASSWORD)


def away(giver: Actor, to: str, days: int = 3) -> Delegation:
    return delegations.delegate(to, ends_at=clock.now() + timedelta(days=days), reason="on leave", actor=giver)


def approve(request: ApprovalRequest, by: Actor) -> RequestState:
    accepted = [check.pk for check in request.checks.all()]
    decisions.decide(request, Choice(Verdict.APPROVE, request.subject_digest, "seen", accepted), actor=by)
    request.refresh_from_db()
    return RequestState(request.state)


def test_the_delegate_fills_the_place_and_the_ledger_says_for_whom(
    request_: ApprovalRequest, people: dict[str, Actor]
) -> None:
    approve(request_, people["rita"])
    with pytest.raises(Conflict, match="would not count: it waits for 1 from risk"):
        approve(request_, named("rea"))
    away(people["rob"], "rea")
    assert request_ in ApprovalRequest.objects.waiting_for(named("rea"))
    assert approve(request_, named("rea")) == RequestState.APPROVED
    assert Decision.objects.get(person__username="rea").for_person == people["rob"].person
    assert b'"for":"rob"' in bytes(Event.objects.filter(action="request.decided").latest("id").body)


def test_her_own_place_comes_first_and_takes_nobody_elses(request_: ApprovalRequest, people: dict[str, Actor]) -> None:
    away(people["rob"], "rea")
    approve(request_, named("rea"))
    assert Decision.objects.get(person__username="rea").for_person is None
    assert approve(request_, named("rob")) == RequestState.APPROVED


def test_who_was_spoken_for_does_not_speak_again(request_: ApprovalRequest, people: dict[str, Actor]) -> None:
    approve(request_, people["rita"])
    put_in_force(text_of(approvals="[{group: risk, count: 2}, {group: reviewer, count: 1}]"), people)
    again = ask_production(request_.version, people["dana"])
    approve(again, people["rita"])
    away(people["rob"], "rea")
    assert approve(again, named("rea")) == RequestState.OPEN
    with pytest.raises(Conflict, match="rea decided for you"):
        approve(again, people["rob"])


def test_one_hop_only(request_: ApprovalRequest, people: dict[str, Actor]) -> None:
    away(people["rob"], "rea")
    away(named("rea"), "rita")
    users.create_user("ron", roles=[Role.REVIEWER], actor=people["ada"])
    approve(request_, named("ron"))
    with pytest.raises(Conflict, match="would not count: it waits for 1 from risk"):
        approve(request_, people["rita"])


def test_it_ends_by_time_by_word_and_with_the_role(
    request_: ApprovalRequest, people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(request_, people["rita"])
    away(people["rob"], "rea")
    delegations.take_back(actor=people["rob"])
    delegations.take_back(actor=people["rob"])
    assert Event.objects.filter(action="delegation.ended").count() == 1
    with pytest.raises(Conflict, match="would not count"):
        approve(request_, named("rea"))
    away(people["rob"], "rea")
    users.set_roles(people["rob"].person, roles=[Role.OPS], actor=people["ada"])
    with pytest.raises(Conflict, match="would not count"):
        approve(request_, named("rea"))


def test_who_had_a_part_lends_no_voice(people: dict[str, Actor]) -> None:
    users.set_roles(people["dana"].person, roles=[Role.DATA_SCIENTIST, Role.REVIEWER], actor=people["ada"])
    team = teams.create_team("risk", actor=people["ada"])
    teams.set_members(team, [people["dana"].person], actor=people["ada"])
    put_in_force(text_of(approvals="[{group: risk, count: 1}]"), people)
    dana = named("dana")
    request = ask_production(make_version(make_model(dana), dana), dana)
    away(dana, "rita")
    with pytest.raises(Conflict, match="would not count"):
        approve(request, people["rita"])


@pytest.mark.parametrize(("to", "days"), [("rita", 3), ("dana", 3), ("nobody", 3), ("rob", 0), ("rob", 31)])
def test_what_makes_no_sense_is_refused(to: str, days: int, people: dict[str, Actor]) -> None:
    with pytest.raises(Invalid):
        away(people["rita"], to, days)


def test_naming_another_replaces_the_one_before(people: dict[str, Actor]) -> None:
    users.create_user("rea", roles=[Role.REVIEWER], actor=people["ada"])
    away(people["rita"], "rob")
    away(people["rita"], "rea")
    assert [row.to.username for row in Delegation.objects.active()] == ["rea"]
    with pytest.raises(Denied):
        away(people["dana"], "rob")


def test_it_is_given_and_taken_back_on_a_page(people: dict[str, Actor]) -> None:
    client = Client()
    client.force_login(people["rita"].person, backend="django.contrib.auth.backends.ModelBackend")
    day = (clock.now() + timedelta(days=2)).date().isoformat()
    assert client.post("/account/delegation", {"to": "rob", "ends_at": "soon", "reason": "x"}).status_code == 400
    client.post("/account/delegation", {"to": "rob", "ends_at": day, "reason": "on leave"})
    shown = client.get("/account/delegation").content.decode()
    assert "Decides for you" in shown
    assert f"{day} 23:59:59 UTC" in shown
    client.force_login(people["rob"].person, backend="django.contrib.auth.backends.ModelBackend")
    assert "You decide for" in client.get("/account/delegation").content.decode()
    client.force_login(people["rita"].person, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/account/delegation", {"take_back": "yes"})
    assert not Delegation.objects.active().exists()
