"""A policy takes effect when a second person accepts exactly the text that was proposed; nothing is ever edited."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from accounts import teams
from accounts.actors import Actor
from audit.models import Event
from core.refusals import Conflict, Denied, Invalid
from registry import decisions
from registry.models import PolicyState, PolicyVersion
from registry.models.approvals import RequestState
from registry.policies import book, changes
from registry.policies.documents import BadPolicy
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
TEXT = text_of()


def test_a_proposal_changes_nothing_until_somebody_else_accepts_it(rita: Actor, rob: Actor) -> None:
    proposed = changes.propose(TEXT, reason="two people from now on", actor=rita).version
    assert (proposed.number, proposed.state, book.in_force()) == (1, PolicyState.PROPOSED, [])
    with pytest.raises(Denied, match="You proposed this"):
        changes.accept(proposed, digest=proposed.digest, comment="mine", actor=rita)
    changes.accept(proposed, digest=proposed.digest, comment="agreed", actor=rob)
    assert [(one.name, one.version, one.digest) for one in book.in_force()] == [("careful", 1, proposed.digest)]
    said = list(Event.objects.filter(object_kind="policy").order_by("id").values_list("action", "actor_name"))
    assert said == [("policy.proposed", "rita"), ("policy.accepted", "rob")]


@pytest.mark.parametrize("name", ["dana", "eli", "olga", "aude", "otto"])
def test_only_reviewers_and_admins_propose_and_accept(name: str, people: dict[str, Actor]) -> None:
    with pytest.raises(Denied):
        changes.propose(TEXT, actor=people[name])
    proposed = changes.propose(TEXT, actor=people["rita"]).version
    with pytest.raises(Denied):
        changes.accept(proposed, digest=proposed.digest, comment="x", actor=people[name])
    with pytest.raises(Denied):
        changes.turn_down(proposed, comment="x", actor=people[name])


def test_the_same_text_again_makes_no_version(people: dict[str, Actor]) -> None:
    rita, ada = people["rita"], people["ada"]
    first = changes.propose(TEXT, actor=rita)
    again = changes.propose(TEXT.replace("\n", "\r\n"), actor=ada)
    assert (first.made, again.made, again.version) == (True, False, first.version)
    changes.accept(first.version, digest=first.version.digest, comment="agreed", actor=ada)
    assert changes.propose(TEXT, actor=rita).made is False
    assert Event.objects.filter(action="policy.proposed").count() == 1


def test_accepting_twice_is_once_and_another_digest_is_refused(rita: Actor, rob: Actor, ada: Actor) -> None:
    proposed = changes.propose(TEXT, actor=rita).version
    with pytest.raises(Conflict, match="digest"):
        changes.accept(proposed, digest="0" * 64, comment="agreed", actor=rob)
    for _ in range(2):
        changes.accept(proposed, digest=proposed.digest, comment="agreed", actor=rob)
    assert Event.objects.filter(action="policy.accepted").count() == 1
    with pytest.raises(Conflict, match="in force"):
        changes.accept(proposed, digest=proposed.digest, comment="me too", actor=ada)


def test_a_new_version_replaces_the_one_in_force_and_keeps_its_text(people: dict[str, Actor]) -> None:
    first = put_in_force(TEXT, people)
    second = put_in_force(text_of(order=20), people)
    first.refresh_from_db()
    assert (first.state, second.state, first.text) == (PolicyState.REPLACED, PolicyState.ACTIVE, TEXT)
    assert [one.version for one in book.in_force()] == [2]


def test_a_newer_proposal_withdraws_the_one_that_waits(rita: Actor, rob: Actor) -> None:
    older = changes.propose(TEXT, actor=rita).version
    changes.propose(text_of(order=11), actor=rob)
    older.refresh_from_db()
    assert older.state == PolicyState.WITHDRAWN
    with pytest.raises(Conflict, match="withdrawn"):
        changes.accept(older, digest=older.digest, comment="agreed", actor=rob)


def test_its_author_withdraws_and_another_refuses(rita: Actor, rob: Actor) -> None:
    first = changes.propose(TEXT, actor=rita).version
    assert changes.turn_down(first, comment="a slip", actor=rita).state == PolicyState.WITHDRAWN
    second = changes.propose(TEXT, actor=rita).version
    assert changes.turn_down(second, comment="too slow", actor=rob).state == PolicyState.REFUSED
    assert book.in_force() == []


def test_a_policy_is_switched_off_by_a_version_that_says_so(people: dict[str, Actor]) -> None:
    put_in_force(TEXT, people)
    put_in_force(TEXT + "enabled: false\n", people)
    assert book.in_force() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            text_of(approvals="[{group: ops, count: 1}]"),
            r"line 6, column 14: the role ops decides nothing",
        ),
        (
            text_of(approvals="[{group: nobodies, count: 1}]"),
            r"line 6, column 14: there is no role and no team",
        ),
        (text_of("default"), r"line 2, column 1: default is built in"),
        (text_of("another"), r"line 3, column 1: the order 10 is taken by careful"),
    ],
)
def test_a_policy_that_could_never_work_is_refused(text: str, says: str, people: dict[str, Actor]) -> None:
    put_in_force(TEXT, people)
    with pytest.raises(Invalid, match=says):
        changes.propose(text, actor=people["rita"])


def test_all_that_cannot_hold_is_named_at_once(people: dict[str, Actor]) -> None:
    put_in_force(TEXT, people)
    wrong = text_of("another", approvals="[{group: ops, count: 1}, {group: Nobodies, count: 1}]")
    with pytest.raises(BadPolicy) as refused:
        changes.propose(wrong, actor=people["rita"], name="third")
    assert [(one.line, one.column) for one in refused.value.problems] == [(2, 1), (3, 1), (6, 14), (6, 38)]


def test_a_team_may_be_asked_for(people: dict[str, Actor]) -> None:
    teams.create_team("risk", actor=people["ada"])
    assert put_in_force(text_of(approvals="[{group: risk, count: 1}]"), people).state == PolicyState.ACTIVE


def test_an_accepted_policy_ends_the_requests_it_leaves_behind_and_says_the_difference(
    people: dict[str, Actor],
) -> None:
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    put_in_force(TEXT, people)
    request.refresh_from_db()
    assert request.state == RequestState.SUPERSEDED
    assert request.ended_why == "The policy changed: default v1 with 1 to sign before, careful v1 with 2 to sign now."
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine")
    with pytest.raises(Conflict, match="The policy changed"):
        decisions.decide(request, choice, actor=people["rob"])
    again = ask_production(request.version, people["dana"])
    assert again.approvals_needed == 2
    put_in_force(text_of(approvals="[{group: reviewer, count: 1}]", more="wait: 1h\n"), people)
    again.refresh_from_db()
    assert again.ended_why == (
        "The policy changed: careful v1 with 2 to sign before, careful v2 with 1 to sign now. "
        "What differs in careful: approvals, wait."
    )


def test_a_policy_for_other_models_ends_no_request(people: dict[str, Actor]) -> None:
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    put_in_force(text_of(match="  models: [credit-*]\n"), people)
    request.refresh_from_db()
    assert request.state == RequestState.OPEN


def test_no_two_versions_of_a_policy_are_in_force_whatever_writes_them(people: dict[str, Actor]) -> None:
    first = put_in_force(TEXT, people)
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.create(
            policy=first.policy, number=9, text=TEXT, digest="0" * 64, state="active", author=people["ada"].person
        )


def test_what_waited_before_there_were_policies_waits_for_a_reviewer(people: dict[str, Actor]) -> None:
    request = ask_production(make_version(make_model(people["dana"]), people["dana"]), people["dana"])
    request.rules.all().delete()
    import_module("registry.migrations.0003_policies").rules_of_the_default(apps, None)
    assert [str(rule) for rule in request.rules.all()] == ["1 from reviewer"]
