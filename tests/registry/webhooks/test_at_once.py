"""Several senders at once, on a database that commits."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections

from accounts.actors import COMMAND, Actor, Via, person
from accounts.users import create_user
from registry.webhooks import deliveries, hooks, lanes, sending
from registry.webhooks.models import Channel, Delivery, DeliveryState, Webhook
from tests.conftest import PEOPLE
from tests.factories import make_model
from tests.registry.webhooks.receiver import Receiver
from tests.sealing import sealed

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committed")]
MLFLOW = ["registered_model.created"]


@pytest.fixture
def crew(committed: None) -> dict[str, Actor]:
    return {
        name: person(create_user(name, roles=PEOPLE[name], actor=COMMAND), Via.PASSWORD) for name in ("ada", "dana")
    }


@pytest.fixture
def crowd(crew: dict[str, Actor], receiver: Receiver) -> list[Webhook]:
    """Two webhooks with ten events each."""
    made = [
        hooks.create(Channel.MLFLOW, hooks.Wish(name=f"w{n}", url=receiver.url, events=MLFLOW), actor=crew["ada"])[0]
        for n in range(2)
    ]
    for number in range(10):
        make_model(crew["dana"], f"m{number}")
    sealed()
    return made


def at_once(deed: Callable[[], object], count: int = 6) -> None:
    gate, faults = threading.Barrier(count), []

    def run() -> None:
        try:
            gate.wait()
            deed()
        except Exception as why:  # noqa: BLE001 - told below
            faults.append(why)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_several_senders_send_each_delivery_once(crowd: list[Webhook], receiver: Receiver) -> None:
    def work() -> None:
        deliveries.make_out()
        for hook in crowd:
            while found := deliveries.claim_next(hook.pk):
                sending.attempt(found)

    at_once(work)
    ids = [got.headers["X-MLflow-Delivery-Id"] for got in receiver.got]
    assert len(ids) == len(set(ids)) == 20
    assert set(Delivery.objects.values_list("state", "attempts")) == {(DeliveryState.DELIVERED, 1)}


def test_a_slow_receiver_delays_its_own_only(crowd: list[Webhook], crew: dict[str, Actor], receiver: Receiver) -> None:
    slow, gate = Receiver(), threading.Event()
    slow.before = lambda: gate.wait(20)
    hooks.update(crowd[0], hooks.Wish(url=slow.url), actor=crew["ada"])
    sealed()
    try:
        lanes.start()
        assert len(receiver.wait(10)) == 10
        assert len(slow.got) == 1
        lanes.start()  # a second lane for the slow one is not begun
        assert len(slow.got) == 1
        gate.set()
        slow.wait(10)
    finally:
        gate.set()
        slow.close()
    until = [thread for thread in threading.enumerate() if thread.name.startswith("webhook ")]
    for thread in until:
        thread.join(10)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}
