"""A dry run says what a proposal would have changed, and changes nothing."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from audit.models import Event
from registry import decisions, registered, transitions
from registry.models import ApprovalRequest
from registry.policies import changes
from registry.policies.dry_run import dry_run
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version
from tests.registry.policies.hands import put_in_force, text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture
def approved(people: dict[str, Actor]) -> ApprovalRequest:
    version = make_version(make_model(people["dana"], "credit-risk"), people["dana"], metrics={"auc": 0.9})
    request = ask_production(version, people["dana"])
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine")
    decisions.decide(request, choice, actor=people["rita"])
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=people["dana"])
    return request


def said(text: str, people: dict[str, Actor], reader: str = "rob") -> list[list[str]]:
    proposed = changes.propose(text, actor=people["rita"]).version
    return [outcome.sentences for outcome in dry_run(proposed, actor=people[reader])]


def test_what_would_have_been_different_is_said(approved: ApprovalRequest, people: dict[str, Actor]) -> None:
    text = text_of(more="checks: [{metric: auc, at_least: 0.95}, {metric: auc, at_least: 0.5}]\nwait: 1h\n")
    (sentences,) = said(text, people)
    assert sentences[:4] == [
        "Held to careful v1 instead of default v1.",
        "2 from reviewer to approve instead of 1 from reviewer.",
        "'auc >= 0.95' fails today.",
        "It was approved; 1 from reviewer would have been missing.",
    ]
    assert sentences[4].startswith("rita could not have approved when she did. It can be approved from")


def test_a_policy_for_others_changes_nothing(approved: ApprovalRequest, people: dict[str, Actor]) -> None:
    assert said(text_of(match="  models: [churn-*]\n"), people) == [[]]


def test_the_model_counts_as_it_was_when_it_was_asked(approved: ApprovalRequest, people: dict[str, Actor]) -> None:
    registered.update_model(approved.model, risk_tier="high", actor=people["dana"])
    assert said(text_of(match="  risk: [high]\n"), people) == [[]]
    assert said(text_of(match="  risk: [medium]\n"), people) != [[]]


def test_a_version_that_takes_the_policy_away_says_who_is_not_asked_any_more(
    approved: ApprovalRequest, people: dict[str, Actor]
) -> None:
    put_in_force(text_of(), people)
    assert said(text_of(more="enabled: false\n"), people) == [
        ["Held to default v1 instead of careful v1.", "1 from reviewer to approve instead of 2 from reviewer."]
    ]


def test_nothing_is_written_and_restricted_models_stay_hidden(
    approved: ApprovalRequest, people: dict[str, Actor]
) -> None:
    registered.update_model(approved.model, restricted=True, actor=people["dana"])
    proposed = changes.propose(text_of(), actor=people["rita"]).version
    before = Event.objects.count()
    with CaptureQueriesContext(connection) as queries:
        assert dry_run(proposed, actor=people["rob"]) == []
        assert len(dry_run(proposed, actor=people["ada"])) == 1
    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert Event.objects.count() == before
