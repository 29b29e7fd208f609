"""A policy for deployments to staging: signed like any other there, and nothing else is."""

import pytest
from django.test import Client

from accounts.actors import COMMAND, Actor, Via, person
from accounts.permissions import Scope
from accounts.roles import Role
from accounts.users import create_user
from audit import seal
from core.refusals import Conflict, Denied
from deployments import capacity, rollouts
from deployments.models import Endpoint
from deployments.plans import Plan
from deployments.states import RolloutState
from registry import decisions, registered, requests
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from registry.policy import Stay
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run
from tests.registry.policies.hands import put_in_force, text_of
from tests.web.rest.test_rest import Caller

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ONE = "[{group: reviewer, count: 1}]"
TO_STAGING = text_of("rehearsed", actions="[{deploy: staging}]", approvals=ONE)
CANARY = Plan.of({"strategy": "canary", "shares": [5, 50], "rules": {"min_s": 0}})


@pytest.fixture
def version(
    hands: Hands, unsealed: None, staging: Endpoint, model: RegisteredModel, people: dict[str, Actor]
) -> ModelVersion:
    installed(hands, staging, people["dana"], people["eli"], versions=1)
    return locked_version(model, people["dana"])


def approve(request: ApprovalRequest, by: Actor, up_to_pct: int = 100) -> None:
    accepted = [check.pk for check in request.checks.all()]
    verdict, digest = decisions.Verdict.APPROVE, request.subject_digest
    decisions.decide(request, decisions.Choice(verdict, digest, "fine", accepted, up_to_pct), actor=by)
    seal.seal()


def test_without_a_policy_nobody_signs_for_staging(
    hands: Hands, version: ModelVersion, staging: Endpoint, people: dict[str, Actor]
) -> None:
    put_in_force(text_of(actions="[{deploy: production}]"), people)
    assert run(hands, rollouts.start(version, staging, AT_ONCE, actor=people["eli"])).state == RolloutState.DONE
    with pytest.raises(Conflict, match="without an approval"):
        rollouts.request_deployment(version, staging, AT_ONCE, reason="", actor=people["dana"])


def test_with_one_a_rollout_waits_for_its_signature_and_moves_no_stage(
    hands: Hands, version: ModelVersion, staging: Endpoint, people: dict[str, Actor]
) -> None:
    put_in_force(TO_STAGING, people)
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, staging, AT_ONCE, actor=people["eli"])
    request = rollouts.request_deployment(version, staging, AT_ONCE, reason="try it", actor=people["eli"]).request
    assert isinstance(requests.move_of(request), Stay)
    with pytest.raises(Denied):
        approve(request, people["eli"])
    approve(request, people["rita"])
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, staging, CANARY, actor=people["eli"])
    assert run(hands, rollouts.start(version, staging, AT_ONCE, actor=people["eli"])).state == RolloutState.DONE
    request.refresh_from_db()
    version.refresh_from_db()
    assert (request.state, version.stage) == ("executed", "None")
    with pytest.raises(Conflict, match="already"):
        rollouts.start(version, staging, AT_ONCE, actor=people["eli"])
    capacity.set_capacity(staging, {"memory_mb": 4096}, actor=people["eli"])
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, staging, AT_ONCE, actor=people["eli"])


def test_a_rollback_in_staging_needs_no_signature(
    hands: Hands, version: ModelVersion, staging: Endpoint, people: dict[str, Actor]
) -> None:
    run(hands, rollouts.start(version, staging, AT_ONCE, actor=people["eli"]))
    put_in_force(TO_STAGING, people)
    assert run(hands, rollouts.roll_back(staging, reason="worse", actor=people["eli"])).state == RolloutState.DONE


def test_a_policy_for_large_shares_keeps_a_canary_in_staging_too(
    hands: Hands, version: ModelVersion, staging: Endpoint, people: dict[str, Actor]
) -> None:
    put_in_force(text_of("large", actions="[{deploy: staging, share_above_pct: 5}]", approvals=ONE), people)
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, staging, CANARY, actor=people["eli"])


def test_page_and_rest_ask_for_the_deployment_alone(
    version: ModelVersion, staging: Endpoint, people: dict[str, Actor], client: Client
) -> None:
    client.force_login(people["eli"].person, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/endpoints/{staging.name}"
    assert "Ask for the signature" not in client.get(address).content.decode()
    put_in_force(TO_STAGING, people)
    assert "Ask for the signature" in client.get(address).content.decode()
    asked = client.post(f"{address}/deploy", {"version": "2", "strategy": "all-at-once", "reason": "go", "ask": "yes"})
    assert asked.status_code == 302
    page = client.get(asked["Location"]).content.decode()
    assert f"Fraud-Detection v2 → {staging.name}" in page
    assert "may be rolled out once to the staging endpoint" in page
    assert "deploy to staging" in client.get("/approvals?tab=mine").content.decode()
    wanted = {"model": "Fraud-Detection", "version": 2, "endpoint": staging.name, "plan": AT_ONCE.document}
    again = Caller(people["eli"], *Scope)("POST", "requests", **wanted)
    assert again.status_code == 200
    assert again.json()["subject"]["move"] == {"kind": "stay"}


def test_whoever_lowers_the_tier_does_not_start_what_nobody_signs_then(
    version: ModelVersion, staging: Endpoint, people: dict[str, Actor]
) -> None:
    mix = person(create_user("mix", roles=[Role.REVIEWER, Role.ML_ENGINEER], actor=COMMAND), Via.PASSWORD)
    put_in_force(text_of("rehearsed", actions="[{deploy: staging}]", approvals=ONE, match="  risk: [medium]\n"), people)
    registered.update_model(version.model, risk_tier="low", actor=mix)
    with pytest.raises(Denied, match="You lowered the risk tier from medium to low: before, it took more to deploy"):
        rollouts.start(version, staging, AT_ONCE, actor=mix)
    assert rollouts.start(version, staging, AT_ONCE, actor=people["eli"]).state == RolloutState.QUEUED
