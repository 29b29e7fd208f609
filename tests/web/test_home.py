from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tokens
from accounts.actors import Actor
from accounts.models import ApiToken
from accounts.permissions import Scope
from core import clock
from deployments import endpoints, rollouts
from deployments.models import Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from registry import decisions, requests, transitions
from registry.models import RegisteredModel
from registry.stages import Stage
from tests.factories import ask_production, locked, make_model, make_version
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db


def home(actor: Actor) -> str:
    client = browser(actor)
    with CaptureQueriesContext(connection) as counted:
        page = client.get("/").content.decode()
    assert len(counted) <= 20, "\n".join(query["sql"][:160] for query in counted.captured_queries)
    return page


def rollout_of(model: RegisteredModel, eli: Actor) -> Rollout:
    staged = endpoints.create_endpoint(f"{model.name}-staging".lower(), model=model, environment="staging", actor=eli)
    plan = Plan(Strategy.ALL_AT_ONCE)
    return rollouts.start(locked(model.versions.get(version=1)), staged, plan, actor=eli)


def to_production(model: RegisteredModel, dana: Actor, rita: Actor) -> None:
    version = make_version(model, dana)
    request = ask_production(version, dana)
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine")
    decisions.decide(requests.find_request(request.pk, actor=rita), choice, actor=rita)
    transitions.transition(version, to=Stage.PRODUCTION, archive_existing=True, actor=dana)


def test_home_says_who_put_what_into_production_on_whose_signature(dana: Actor, rita: Actor, olga: Actor) -> None:
    for number in range(25):
        to_production(make_model(dana, f"m-{number:02}"), dana, rita)
    page = home(olga)
    assert page.count("rita</a></td>") == 20
    assert '<span class="hint">25</span>' in page


def test_a_rollout_under_way_and_one_that_is_stuck_are_on_home(dana: Actor, eli: Actor, olga: Actor) -> None:
    model = make_model(dana, "Scene")
    make_version(model, dana)
    rollout = rollout_of(model, eli)
    assert "Rolling out now" in home(olga)
    assert f"/deployments/{rollout.pk}" in home(dana)
    for state in (RolloutState.RUNNING, RolloutState.NEEDS_OPERATOR):
        rollouts.advance(Rollout.objects.get(pk=rollout.pk), state, why="no room on the host")
    for actor, told in ((eli, True), (olga, True), (dana, False)):
        waits = home(actor).split("Needs you")[1].split("In production")[0].split("Rolling out now")[0]
        assert ("no room on the host" in waits) is told, actor.name


def test_a_failure_waits_until_it_was_tried_again(dana: Actor, eli: Actor) -> None:
    model = make_model(dana, "Scene")
    make_version(model, dana)
    rollout = rollout_of(model, eli)
    for state in (RolloutState.RUNNING, RolloutState.FAILED):
        rollouts.advance(Rollout.objects.get(pk=rollout.pk), state, why="it did not start")
    assert "it did not start" in home(eli)
    rollouts.start(model.versions.get(), rollout.endpoint, Plan(Strategy.ALL_AT_ONCE), actor=eli)
    assert "it did not start" not in home(eli).split("Recent events")[0]


def test_a_token_about_to_end_waits_for_its_person(dana: Actor, eli: Actor) -> None:
    row, _ = tokens.mint(dana.person, label="notebook", scopes=[Scope.READ], days=30, actor=dana)
    soon, before = clock.now() + timedelta(days=2), clock.now() - timedelta(days=28)
    ApiToken.objects.filter(pk=row.pk).update(expires_at=soon, created_at=before)
    tokens.mint(dana.person, label="one day", scopes=[Scope.READ], days=1, actor=dana)
    assert "API token notebook" in home(dana)
    assert "API token one day" not in home(dana)
    assert "API token notebook" not in home(eli)


@pytest.mark.parametrize("address", ["/", "/models", "/endpoints", "/deployments", "/approvals"])
def test_who_has_no_role_is_told_so_wherever_a_list_would_be(address: str, otto: Actor, ada: Actor) -> None:
    assert "You have no role yet" in browser(otto).get(address).content.decode()
    assert "You have no role yet" not in browser(ada).get(address).content.decode()
