from collections.abc import Callable

import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid
from deployments import endpoints, interventions, rights, rollouts
from deployments.models import Endpoint, InstalledRight, Rollout
from deployments.states import RolloutState
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, installed, locked_version, run

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ALL = [interventions.resume, interventions.turn_back, interventions.give_up]


@pytest.fixture
def stuck(hands: Hands, staging: Endpoint, dana: Actor, eli: Actor) -> Rollout:
    """A rollout of version 2 that could neither go on nor go back; the router is away."""
    installed(hands, staging, dana, eli, versions=1)
    hands.broken.add("2")
    hands.router_is_away = True
    rollout = run(hands, rollouts.start(locked_version(staging.model, dana), staging, AT_ONCE, actor=eli))
    rollout.steps.filter(name="revert").update(deadline_at=clock.now())
    rollout = run(hands, rollout)
    assert rollout.state == RolloutState.NEEDS_OPERATOR
    return rollout


def test_resumed_it_goes_on_forward_and_looks_at_every_step_again(
    hands: Hands, staging: Endpoint, stuck: Rollout, eli: Actor
) -> None:
    hands.router_is_away = False
    hands.broken.clear()
    interventions.resume(stuck, reason="the disk is free again", actor=eli)
    assert run(hands, stuck).state == RolloutState.DONE
    assert hands.serving("fraud-staging") == ["2"]
    assert hands.running() == ["1", "2"]
    assert Event.objects.filter(action="rollout.resumed", actor_name="eli").count() == 1


def test_turned_back_it_returns_to_what_served_before(
    hands: Hands, staging: Endpoint, stuck: Rollout, eli: Actor
) -> None:
    hands.router_is_away = False
    interventions.turn_back(stuck, reason="not today", actor=eli)
    assert run(hands, stuck).state == RolloutState.ROLLED_BACK
    assert hands.serving("fraud-staging") == ["1"]
    assert hands.running() == ["1"]


def test_given_up_it_frees_the_endpoint(
    hands: Hands, staging: Endpoint, stuck: Rollout, dana: Actor, eli: Actor
) -> None:
    with pytest.raises(Conflict, match="needs an operator"):
        rollouts.start(locked_version(staging.model, dana), staging, AT_ONCE, actor=eli)
    interventions.give_up(stuck, reason="the machine is gone", actor=eli)
    hands.router_is_away = False
    stuck.refresh_from_db()
    assert (stuck.state, stuck.why) == (RolloutState.FAILED, "the machine is gone")
    later = run(hands, rollouts.start(locked_version(staging.model, dana), staging, AT_ONCE, actor=eli))
    assert later.state == RolloutState.DONE
    assert endpoints.serving(staging) == later


@pytest.mark.parametrize("do", ALL)
def test_each_takes_a_reason_the_permission_and_a_rollout_that_asks(
    stuck: Rollout, dana: Actor, eli: Actor, do: Callable[..., None]
) -> None:
    with pytest.raises(Denied):
        do(stuck, reason="because", actor=dana)
    with pytest.raises(Invalid, match="why"):
        do(stuck, reason="  ", actor=eli)
    interventions.give_up(stuck, reason="enough", actor=eli)
    with pytest.raises(Conflict, match="asks for no operator"):
        do(stuck, reason="again", actor=eli)


def test_what_was_withdrawn_meanwhile_is_not_resumed(hands: Hands, staging: Endpoint, dana: Actor, eli: Actor) -> None:
    first, _ = installed(hands, staging, dana, eli, versions=2)
    hands.router_is_away = True
    back = run(hands, rollouts.roll_back(staging, reason="worse", actor=eli))
    Rollout.objects.filter(pk=back.pk).update(state=RolloutState.NEEDS_OPERATOR)
    InstalledRight.objects.filter(version=first).update(withdrawn_at=clock.now())
    with pytest.raises(Conflict, match="withdrawn"):
        interventions.resume(back, reason="go", actor=eli)


def test_a_withdrawal_does_not_wait_for_an_operator(
    hands: Hands, staging: Endpoint, stuck: Rollout, eli: Actor
) -> None:
    taken = rights.withdraw(rights.find_right(staging, 1), reason="leaks ages", actor=eli)
    assert taken
    stuck.refresh_from_db()
    assert stuck.state == RolloutState.FAILED
    hands.router_is_away = False
    assert run(hands, taken).state == RolloutState.DONE
    assert hands.serving("fraud-staging") == []


def test_an_endpoint_whose_withdrawal_failed_and_was_given_up_serves_nothing(
    hands: Hands, staging: Endpoint, dana: Actor, eli: Actor
) -> None:
    installed(hands, staging, dana, eli, versions=2)
    hands.broken.add("1")
    taken = rights.withdraw(rights.find_right(staging, 2), reason="leaks ages", actor=eli)
    assert taken
    taken = run(hands, taken, turns=30)
    interventions.give_up(taken, reason="both are bad", actor=eli)
    assert endpoints.serving(staging) is None
    later = run(hands, rollouts.start(locked_version(staging.model, dana), staging, AT_ONCE, actor=eli))
    assert endpoints.serving(staging) == later
