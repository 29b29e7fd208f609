"""Endpoints that score files alone: what is installed is loaded and tried once, and nothing is kept running."""

from typing import Any

import pytest

from accounts.actors import Actor
from core.refusals import Conflict, Invalid
from deployments import endpoints, placements, rights, rollouts
from deployments.batch import jobs
from deployments.batch.jobs import Wish
from deployments.models import Endpoint
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from deployments.targets.kinds import target
from deployments.upkeep import look_after
from registry import subjects
from registry.models import RegisteredModel
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run, signed

pytestmark = pytest.mark.django_db


@pytest.fixture
def files(model: RegisteredModel, eli: Actor, hands: Hands, settings: Any) -> Endpoint:
    settings.HOME = hands.layout.home
    return endpoints.create_endpoint("nightly", model=model, environment="staging", actor=eli, pattern="batch")


def test_a_version_is_loaded_and_tried_once_and_then_scores_files(
    files: Endpoint, hands: Hands, dana: Actor, eli: Actor
) -> None:
    rollout = rollouts.start(locked_version(files.model, dana), files, AT_ONCE, actor=eli)
    assert list(rollout.steps.values_list("name", flat=True)) == ["install", "retire"]
    run(hands, rollout, turns=1)
    assert hands.running() == ["1"]
    run(hands, rollout)
    assert rollout.state == RolloutState.DONE
    assert hands.running() == []
    assert not hands.layout.routes(files.name).exists()
    assert look_after() == 0
    assert hands.running() == []
    placements.look()
    assert [(one.gets, one.health) for one in placements.placements([files])] == [("files", "not kept running")]
    job = jobs.score_upload(files, "july.csv", [b"amount\n1\n"], Wish(), actor=eli)
    assert (job.version.version, job.rollout) == (1, rollout)


def test_one_that_cannot_be_loaded_is_sent_back_and_what_scored_before_goes_on(
    files: Endpoint, hands: Hands, dana: Actor, eli: Actor
) -> None:
    installed(hands, files, dana, eli, versions=1)
    hands.broken.add("2")
    broken = run(hands, rollouts.start(locked_version(files.model, dana), files, AT_ONCE, actor=eli))
    assert (broken.state, hands.running()) == (RolloutState.ROLLED_BACK, [])
    serves = endpoints.serving(files)
    assert serves
    assert serves.version.version == 1


def test_it_is_rolled_back_and_withdrawn_as_any_other(files: Endpoint, hands: Hands, dana: Actor, eli: Actor) -> None:
    installed(hands, files, dana, eli, versions=2)
    back = run(hands, rollouts.roll_back(files, reason="worse", actor=eli))
    assert (back.state, back.version.version) == (RolloutState.DONE, 1)
    for number in (1, 2):
        taken = rights.withdraw(rights.find_right(files, number), reason="leaks", actor=eli)
        if taken:
            assert run(hands, taken).state == RolloutState.NEEDS_OPERATOR or taken.state == RolloutState.DONE
    assert endpoints.serving(files) is None
    assert hands.running() == []


@pytest.mark.parametrize("plan", [{"strategy": "canary", "shares": [5]}, {"strategy": "blue-green", "bake_s": 60}])
def test_a_plan_that_divides_requests_is_refused_with_the_reason(
    files: Endpoint, hands: Hands, dana: Actor, eli: Actor, plan: dict[str, Any]
) -> None:
    installed(hands, files, dana, eli, versions=1)
    version = locked_version(files.model, dana)
    for ask in (
        lambda: rollouts.start(version, files, Plan.of(plan), actor=eli),
        lambda: rollouts.request_deployment(version, files, Plan.of(plan), reason="x", actor=dana),
    ):
        with pytest.raises(Conflict, match="scores files alone: there are no requests"):
            ask()


def test_what_is_signed_for_production_says_that_it_is_for_files(
    model: RegisteredModel, hands: Hands, dana: Actor, rita: Actor, olga: Actor, unsealed: None
) -> None:
    made = endpoints.create_endpoint("yearly", model=model, environment="production", actor=olga, pattern="batch")
    version = locked_version(model, dana)
    with pytest.raises(Conflict, match="no unused approval"):
        rollouts.start(version, made, AT_ONCE, actor=olga)
    request = signed(version, made, dana, rita)
    deployment = subjects.deployment_of(subjects.document(request))
    assert deployment
    assert deployment["pattern"] == "batch"
    assert run(hands, rollouts.start(version, made, AT_ONCE, actor=olga)).state == RolloutState.DONE


def test_a_pattern_that_is_none_or_that_the_target_lacks_is_refused(
    model: RegisteredModel, eli: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Invalid, match="rest or batch"):
        endpoints.create_endpoint("x", model=model, environment="staging", actor=eli, pattern="stream")
    able = target("local").capabilities()
    assert Strategy.CANARY in able.strategies
    monkeypatch.setattr(
        type(target("local")), "capabilities", lambda _: type(able)(able.strategies, rest=False, batch=True)
    )
    with pytest.raises(Invalid, match="has no endpoints for rest"):
        endpoints.create_endpoint("x", model=model, environment="staging", actor=eli)
