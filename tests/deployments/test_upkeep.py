import pytest

from accounts.actors import Actor
from audit.models import Event
from deployments import rollouts, upkeep
from deployments.models import Endpoint
from registry.models import RegisteredModel
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def lose_everything(hands: Hands) -> None:
    for folder in (hands.layout.desired_folder, hands.layout.routes_folder):
        for path in folder.glob("*.json"):
            path.unlink()
    hands.work()


def test_what_a_target_lost_is_put_back_once_and_told(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    assert upkeep.look_after() == 0
    lose_everything(hands)
    assert upkeep.look_after() == 2
    hands.work()
    assert hands.serving(staging.name) == ["1"]
    assert upkeep.look_after() == 0
    assert Event.objects.filter(action="rollout.restored").count() == 2


def test_after_a_rollback_the_way_back_is_what_holds(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    hands.broken.add("2")
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli), turns=20)
    assert upkeep.look_after() == 0
    hands.layout.routes(staging.name).unlink()
    assert upkeep.look_after() == 1
    assert hands.serving(staging.name) == ["1"]


def test_a_rollout_under_way_is_left_to_the_engine(
    hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor
) -> None:
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli)
    lose_everything(hands)
    assert upkeep.look_after() == 0
