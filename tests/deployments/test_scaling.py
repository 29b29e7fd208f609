"""How many model servers an endpoint has: decided from what is seen, set by who may, told in the ledger."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Denied, Invalid
from deployments import autoscaling, endpoints, rollouts
from deployments.capacity import capacity_of, move, set_capacity
from deployments.models import Endpoint
from deployments.scaling import CALM_S, Capacity, Load, Memory, Wanted
from deployments.targets.contract import Split
from deployments.targets.kinds import target
from registry.models import RegisteredModel
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run

TWO_EACH = Capacity(max_replicas=8, in_flight=2)


def seen(memory: Memory, in_flight: float, now: int, at: float, cores: float | None = None) -> Wanted:
    return memory.see(Load(at, in_flight, cores), TWO_EACH, now)


def test_it_goes_up_at_once_and_at_most_to_double() -> None:
    wanted = seen(Memory(0.0), 9.0, now=2, at=1.0)
    assert wanted == Wanted(4, "9.0 requests in flight, 2 wanted at each.")
    assert seen(Memory(0.0), 9.0, now=4, at=1.0).replicas == 5


def test_the_busiest_measure_decides() -> None:
    wanted = seen(Memory(0.0), 1.0, now=2, at=1.0, cores=2.2)
    assert wanted == Wanted(4, "2.2 cores used, 0.7 wanted by each.")


def test_it_goes_down_only_to_what_was_enough_for_a_while() -> None:
    memory, now, wanted = Memory(0.0), 4, Wanted(4)
    for at in range(int(CALM_S) + 40):
        wanted = seen(memory, 5.0 if at < 20 else 1.0, now, float(at))
        assert at >= CALM_S or wanted.replicas == 4
    assert wanted.replicas == 1
    assert wanted.why == f"1 were enough for {CALM_S:.0f} s: 1.0 requests in flight, 2 wanted at each."


def test_one_burst_keeps_what_it_needed() -> None:
    memory, wanted = Memory(0.0), Wanted(4)
    for at in range(int(CALM_S) * 2):
        wanted = seen(memory, 8.0 if at % 100 < 10 else 0.0, 4, float(at))
    assert wanted == Wanted(4)


def test_it_never_leaves_its_bounds_whatever_is_seen() -> None:
    bounds = Capacity(min_replicas=2, max_replicas=3)
    assert Memory(0.0).see(Load(1.0, 0.0), bounds, 1) == Wanted(2, "2 to 3 are allowed.")
    assert Memory(0.0).see(Load(1.0, 1e9, 64.0), bounds, 2).replicas == 3


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 64)), min_size=1, max_size=200))
def test_a_step_stays_within_bounds_and_rises_by_double_at_most(loads: list[tuple[float, float]]) -> None:
    memory, now = Memory(0.0), 1
    for at, (in_flight, cores) in enumerate(loads):
        wanted = memory.see(Load(float(at), in_flight, cores), TWO_EACH, now)
        assert 1 <= wanted.replicas <= min(8, 2 * now)
        assert wanted.replicas == now or wanted.why
        now = wanted.replicas


@pytest.mark.django_db
def test_who_deploys_there_sets_it_and_the_ledger_tells(staging: Endpoint, eli: Actor, rita: Actor) -> None:
    assert set_capacity(staging, {"min_replicas": 2, "max_replicas": 4}, actor=eli) == Capacity(2, 4)
    assert set_capacity(staging, {"max_replicas": 4}, actor=eli) == capacity_of(Endpoint.objects.get(pk=staging.pk))
    assert staging.replicas == 2
    told = Event.objects.get(action="endpoint.capacity.changed")
    body = json.loads(bytes(told.body))
    assert (told.actor_name, body["before"]["max_replicas"], body["after"]["max_replicas"]) == ("eli", 1, 4)
    with pytest.raises(Denied):
        set_capacity(staging, {"max_replicas": 8}, actor=rita)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"replicas": 2}, "replicas is not part of a capacity"),
        ({"min_replicas": 3}, "cannot be fewer than the least"),
        ({"max_replicas": 33}, "max_replicas is a whole number from 1 to 32"),
        ({"max_replicas": True}, "a whole number"),
        ({"memory_mb": "2048"}, "a whole number"),
    ],
)
def test_what_is_no_capacity_is_refused_and_changes_nothing(
    staging: Endpoint, eli: Actor, said: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        set_capacity(staging, said, actor=eli)
    assert Endpoint.objects.get(pk=staging.pk).capacity == {}


@pytest.mark.django_db
def test_two_that_move_it_at_once_move_it_once(staging: Endpoint, eli: Actor) -> None:
    set_capacity(staging, {"max_replicas": 4}, actor=eli)
    one, other = Endpoint.objects.get(pk=staging.pk), Endpoint.objects.get(pk=staging.pk)
    assert move(one, 2, "busy")
    assert not move(other, 2, "busy")
    assert Event.objects.filter(action="endpoint.scaled").count() == 1


@pytest.mark.django_db
def test_limits_are_those_of_the_deployment_and_a_rollback_keeps_its_own(
    staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor, hands: Hands
) -> None:
    first = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    set_capacity(staging, {"memory_mb": 4096, "batch_rows": 64}, actor=eli)
    second = run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    back = rollouts.roll_back(staging, reason="worse", actor=eli)
    assert [row.limits["memory_mb"] for row in (first, second, back)] == [2048, 4096, 2048]
    assert second.limits["batch_rows"] == 64


@pytest.mark.django_db
def test_a_busy_endpoint_gets_more_and_each_move_is_told(
    staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    set_capacity(staging, {"max_replicas": 3, "in_flight": 2}, actor=eli)
    monkeypatch.setattr(target("local"), "split", lambda _: Split(in_flight={"stable": 9}))
    for _ in range(6):
        autoscaling.scale()
        hands.work()
    assert endpoints.find_endpoint(staging.name, actor=eli).replicas == 3
    assert len(hands.serving(staging.name)) == 3
    moves = Event.objects.filter(action="endpoint.scaled").order_by("id")
    told = [json.loads(bytes(event.body)) for event in moves]
    assert [(body["after"], body["comment"]) for body in told] == [
        ({"replicas": 2}, "9.0 requests in flight, 2 wanted at each."),
        ({"replicas": 3}, "9.0 requests in flight, 2 wanted at each."),
    ]
