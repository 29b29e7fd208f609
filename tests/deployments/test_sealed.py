import time

import pytest

from accounts.actors import COMMAND, Actor, Via, person
from accounts.users import create_user
from audit import seal
from audit.models import Event
from deployments import endpoints, engine, rollouts
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import RolloutState
from registry import decisions
from registry.policy import StageMove
from registry.stages import Stage
from tests.conftest import PEOPLE
from tests.deployments.hands import Hands
from tests.factories import make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committed")]


@pytest.fixture
def crew(committed: None) -> dict[str, Actor]:
    return {name: person(create_user(name, roles=roles, actor=COMMAND), Via.PASSWORD) for name, roles in PEOPLE.items()}


def test_a_signed_rollout_starts_once_its_approval_is_inside_a_checkpoint(crew: dict[str, Actor], hands: Hands) -> None:
    model = make_model(crew["dana"])
    version = make_version(model, crew["dana"])
    version.environment = {**version.environment, "lock": "e" * 64}
    version.save(update_fields=["environment"])
    plan = Plan(Strategy.ALL_AT_ONCE)
    endpoint = endpoints.create_endpoint("fraud", model=model, environment="production", actor=crew["olga"])
    move = StageMove(Stage.NONE, Stage.PRODUCTION, archive_existing=True)
    request = rollouts.request_deployment(version, endpoint, plan, move=move, reason="go", actor=crew["dana"]).request
    seal.seal()
    accepted = [check.pk for check in request.checks.all()]
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine", accepted)
    decisions.decide(request, choice, actor=crew["rita"])
    rollout = rollouts.start(version, endpoint, plan, actor=crew["olga"])
    engine.turn("engine-1")
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.QUEUED
    deadline = time.monotonic() + 20
    while Event.objects.filter(seal=None).exists() and time.monotonic() < deadline:
        seal.seal()
    seal.seal()
    engine.turn("engine-1")
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.RUNNING
