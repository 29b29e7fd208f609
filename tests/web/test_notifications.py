from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tokens, users
from accounts.actors import Actor, person
from accounts.models import ApiToken, User
from accounts.permissions import Scope
from accounts.roles import Role
from core import clock
from deployments import alarms, endpoints, rollouts
from deployments.models import Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from monitoring import drift
from registry import decisions, discussion, registered, requests
from registry.models import ApprovalRequest
from tests.factories import ask_production, count_feature, locked, make_model, make_version
from tests.web.visitors import browser
from web.pages import notices

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def again(actor: Actor) -> Actor:
    """Return the actor as her next request finds her."""
    return person(User.objects.get(pk=actor.person.pk), actor.via)


def told(actor: Actor) -> list[tuple[str, str]]:
    return [(notice.words, notice.about) for notice in notices.notices(again(actor))]


def asked(dana: Actor) -> ApprovalRequest:
    return ask_production(make_version(make_model(dana, "Scene"), dana), dana)


def decide(request: ApprovalRequest, actor: Actor, verdict: str, comment: str) -> None:
    choice = decisions.Choice(decisions.Verdict(verdict), request.subject_digest, comment)
    decisions.decide(requests.find_request(request.pk, actor=actor), choice, actor=actor)


def test_a_request_waits_at_each_reviewers_bell_and_at_nobody_elses(people: dict[str, Actor]) -> None:
    request = asked(people["dana"])
    about = f"#{request.pk} Scene v1 → Production"
    for name in ("rita", "rob"):
        assert told(people[name]) == [("dana asks for your decision", about)]
    for name in ("dana", "eli", "olga", "aude", "ada", "otto"):
        assert told(people[name]) == []


def test_the_requester_hears_of_the_decision_and_the_reviewer_of_it_no_more(dana: Actor, rita: Actor) -> None:
    request = asked(dana)
    decide(request, rita, "reject", "the gap is too wide")
    (notice,) = notices.notices(again(dana))
    assert (notice.words, notice.detail, notice.needs) == ("rita rejected your request", "the gap is too wide", False)
    assert notice.href == f"/approvals/{request.pk}#decision-{request.decisions.get().pk}"
    assert told(rita) == []


def test_comments_reach_those_who_take_part_or_are_named(dana: Actor, eli: Actor, olga: Actor, rita: Actor) -> None:
    request = asked(dana)
    discussion.add_comment(request, body="@olga, is the host big enough? mail eli@olgas.example", actor=dana)
    assert told(eli) == []
    assert [words for words, _ in told(olga)] == ["dana named you on"]
    discussion.add_comment(request, body="it is", actor=olga)
    discussion.add_comment(request, body="thanks", actor=dana)
    assert [words for words, _ in told(olga)] == ["dana commented on", "dana named you on"]
    assert [words for words, _ in told(dana)] == ["olga commented on"]
    assert [words for words, _ in told(rita)] == ["dana asks for your decision"]


def test_what_is_kept_from_a_person_is_kept_from_her_bell(dana: Actor, rita: Actor, olga: Actor) -> None:
    request = asked(dana)
    discussion.add_comment(request, body="@olga look", actor=dana)
    registered.update_model(request.model, actor=dana, restricted=True)
    assert told(rita) == []
    assert told(olga) == []


def test_a_failed_deployment_is_told_to_who_asked_for_it(dana: Actor, eli: Actor, olga: Actor) -> None:
    model = make_model(dana, "Scene")
    staged = endpoints.create_endpoint("scene", model=model, environment="staging", actor=eli)
    rollout = rollouts.start(locked(make_version(model, dana)), staged, Plan(Strategy.ALL_AT_ONCE), actor=eli)
    for state in (RolloutState.RUNNING, RolloutState.NEEDS_OPERATOR):
        rollouts.advance(Rollout.objects.get(pk=rollout.pk), state, why="no room")
    assert told(eli) == told(olga)
    (notice,) = notices.notices(again(eli))
    assert (notice.words, notice.href) == ("A deployment needs an operator", f"/deployments/{rollout.pk}")
    rollouts.advance(Rollout.objects.get(pk=rollout.pk), RolloutState.FAILED, why="given up")
    assert [words for words, _ in told(eli)] == ["Your deployment failed", "A deployment needs an operator"]
    assert told(dana) == []


def test_a_token_about_to_end_and_a_wish_for_a_role_are_told(dana: Actor, otto: Actor, ada: Actor) -> None:
    row, _ = tokens.mint(dana.person, label="notebook", scopes=[Scope.READ], days=30, actor=dana)
    assert told(dana) == []
    ApiToken.objects.filter(pk=row.pk).update(expires_at=clock.now() + timedelta(days=3, hours=1))
    assert told(dana) == [("An API token of yours ends in 3 days", "notebook")]
    users.request_access(otto.person, role=Role.REVIEWER, reason="I review", actor=otto)
    assert told(ada) == [("otto asks for the role", "Reviewer")]
    users.set_roles(otto.person, roles=[Role.REVIEWER], actor=ada)
    assert told(ada) == []


def test_marking_read_spares_what_came_after_the_page_was_made(dana: Actor, rita: Actor) -> None:
    request, client = asked(dana), browser(rita)
    page = client.get("/notifications")
    assert "1 unread." in page.content.decode()
    discussion.add_comment(request, body="@rita, do look", actor=dana)
    client.post("/notifications/read", {"until": page.context["until"]})
    after = client.get("/notifications").content.decode()
    assert "1 unread." in after
    assert notices.unread(again(rita)).count() == 1
    client.post("/notifications/read", {"until": clock.iso(clock.now() + timedelta(days=9))})
    assert notices.unread(again(rita)).count() == 0
    assert User.objects.get(username="rita").notices_seen_at <= clock.now()  # type: ignore[operator]
    assert client.post("/notifications/read", {"until": "soon"}).status_code == 400


def test_the_bell_says_in_words_how_many_are_unread(dana: Actor, rita: Actor) -> None:
    asked(dana)
    page = browser(rita).get("/models").content.decode()
    assert 'href="/notifications"' in page
    assert '<span class="count">1<span class="hush"> unread</span></span>' in page


def test_the_count_is_one_query_and_the_page_stays_within_twenty(dana: Actor, rita: Actor) -> None:
    request = asked(dana)
    for number in range(12):
        discussion.add_comment(request, body=f"@rita, {number}?", actor=dana)
    seen: Any = again(rita)
    with CaptureQueriesContext(connection) as counted:
        assert notices.unread(seen).count() == 13
    assert len(counted) == 1
    client = browser(rita)
    with CaptureQueriesContext(connection) as counted:
        client.get("/notifications")
    assert len(counted) <= 20


def test_the_owner_and_those_who_deploy_hear_of_drift(people: dict[str, Actor]) -> None:
    made = make_model(people["dana"], "Fraud")
    endpoints.create_endpoint("fraud", model=made, environment="staging", actor=people["eli"])
    usual: list[Any] = [float(n) for n in range(1_000)]
    moved = [value + 500 for value in usual]
    count_feature("fraud", "2", "age", usual, moved, moved)
    drift.judge_due()
    alarms.tell()
    for name in ("dana", "olga"):
        (notice,) = notices.notices(again(people[name]))
        assert (notice.words, notice.about, notice.needs) == ("age drifted at", "fraud (staging)", False)
        assert notice.href == "/endpoints/fraud/drift?version=2&feature=age"
        assert notice.detail == "Version 2, major: 0.5 from its reference"
    for name in ("rita", "otto"):
        assert told(people[name]) == []
    registered.update_model(made, actor=people["dana"], restricted=True)
    assert told(people["olga"]) == []
