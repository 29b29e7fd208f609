"""From an event in the ledger to a receiver that had it once, or is asked again."""

import base64
import hmac
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from registry import registered, transitions, versions
from registry.stages import Stage
from registry.webhooks import deliveries, events, hooks, payloads, sending
from registry.webhooks.models import Channel, Delivery, DeliveryState, Webhook
from tests.factories import ask_production, make_model, make_version
from tests.registry.webhooks.receiver import Receiver
from tests.sealing import sealed

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
WORDS = "trained on transactions"
MLFLOW = [f"{entity}.{action}" for entity, actions in events.MLFLOW.items() for action in actions]


@pytest.fixture
def hook(ada: Actor, receiver: Receiver) -> Webhook:
    """MLflow's events, all of them, signed."""
    wish = hooks.Wish(name="ci", url=receiver.url, events=MLFLOW, secret="shared words")
    return hooks.create(Channel.MLFLOW, wish, actor=ada)[0]


@pytest.fixture
def ours(ada: Actor, receiver: Receiver) -> Webhook:
    """The ledger's events about versions and requests."""
    wish = hooks.Wish(name="chat", url=receiver.url, events=["version.stage.*", "request.*"])
    return hooks.create(Channel.SIGNOFF, wish, actor=ada)[0]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Hold the clock still, that many seconds from now."""
    began = clock.now() + timedelta(seconds=5)  # rows made before are due then

    def hold(seconds: float) -> None:
        moment = began + timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: moment)

    return hold


def make_out() -> int:
    sealed()
    return deliveries.make_out()


def send(hook: Webhook) -> list[Delivery]:
    """Do what a lane does, in this thread."""
    make_out()
    done = []
    while found := deliveries.claim_next(hook.pk):
        done.append(sending.attempt(found))
    return done


def told(receiver: Receiver) -> list[tuple[str, Any]]:
    return [(f"{got.said['entity']}.{got.said['action']}", got.said["data"]) for got in receiver.got]


def test_mlflows_six_events_reach_the_receiver_in_mlflows_words(hook: Webhook, receiver: Receiver, dana: Actor) -> None:
    model = registered.create_model("Fraud", actor=dana, description="all", tags={"team": "risk"})
    version = make_version(model, dana)
    versions.set_version_tag(version, "k", "v", actor=dana)
    versions.delete_version_tag(version, "k", actor=dana)
    transitions.set_alias(version, "blue", actor=dana)
    transitions.delete_alias(model, "blue", actor=dana)
    registered.set_model_tag(model, "team", "other", actor=dana)  # MLflow tells nobody
    send(hook)
    place = {"name": "Fraud", "version": "1"}
    assert told(receiver) == [
        ("registered_model.created", {"name": "Fraud", "tags": {"team": "risk"}, "description": "all"}),
        (
            "model_version.created",
            {**place, "source": version.source, "run_id": version.run_id, "tags": {}, "description": WORDS},
        ),
        ("model_version_tag.set", {**place, "key": "k", "value": "v"}),
        ("model_version_tag.deleted", {**place, "key": "k"}),
        ("model_version_alias.created", {**place, "alias": "blue"}),
        ("model_version_alias.deleted", {"name": "Fraud", "alias": "blue"}),
    ]  # fmt: skip
    assert datetime.fromisoformat(receiver.got[0].said["timestamp"]).utcoffset() == timedelta(0)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}


def test_a_prompt_has_events_of_its_own(hook: Webhook, receiver: Receiver, dana: Actor) -> None:
    is_prompt = {"mlflow.prompt.is_prompt": "true"}
    prompt = registered.create_model("greeting", actor=dana, tags={**is_prompt, "team": "x"})
    asked = versions.Registration(
        source="dummy-source", tags={**is_prompt, "mlflow.prompt.text": "Hello {{name}}", "_mlflow_prompt_type": "text"}
    )
    version = versions.register_version(prompt, asked, actor=dana)
    registered.set_model_tag(prompt, "k", "v", actor=dana)
    registered.delete_model_tag(prompt, "k", actor=dana)
    versions.set_version_tag(version, "k", "v", actor=dana)
    versions.delete_version_tag(version, "k", actor=dana)
    transitions.set_alias(version, "blue", actor=dana)
    transitions.delete_alias(prompt, "blue", actor=dana)
    send(hook)
    place = {"name": "greeting", "version": "1"}
    assert told(receiver) == [
        ("prompt.created", {"name": "greeting", "tags": {"team": "x"}, "description": ""}),
        ("prompt_version.created", {**place, "template": "Hello {{name}}", "tags": {}, "description": None}),
        ("prompt_tag.set", {"name": "greeting", "key": "k", "value": "v"}),
        ("prompt_tag.deleted", {"name": "greeting", "key": "k"}),
        ("prompt_version_tag.set", {**place, "key": "k", "value": "v"}),
        ("prompt_version_tag.deleted", {**place, "key": "k"}),
        ("prompt_alias.created", {**place, "alias": "blue"}),
        ("prompt_alias.deleted", {"name": "greeting", "alias": "blue"}),
    ]


def expected(key: bytes, sent_as: str, timestamp: str, body: bytes) -> str:
    made = hmac.new(key, f"{sent_as}.{timestamp}.".encode() + body, "sha256").digest()
    return "v1," + base64.b64encode(made).decode()


def test_a_delivery_is_signed_as_mlflow_signs(hook: Webhook, receiver: Receiver, dana: Actor) -> None:
    make_model(dana)
    send(hook)
    (got,) = receiver.got
    sent_as, timestamp = got.headers["X-MLflow-Delivery-Id"], got.headers["X-MLflow-Timestamp"]
    assert got.headers["X-MLflow-Signature"] == expected(b"shared words", sent_as, timestamp, got.body)
    assert abs(int(timestamp) - got.at) < 5
    assert uuid.UUID(sent_as) == Delivery.objects.get().pk


def test_governance_goes_to_a_channel_of_its_own_signed_as_standard_webhooks(
    receiver: Receiver, ada: Actor, dana: Actor, eli: Actor
) -> None:
    wish = hooks.Wish(name="chat", url=receiver.url, events=["version.stage.*", "request.*"])
    hook, secret = hooks.create(Channel.SIGNOFF, wish, actor=ada)
    version = make_version(make_model(dana), dana)
    transitions.transition(version, to=Stage.STAGING, actor=eli, comment="looks good")
    request = ask_production(version, dana)
    send(hook)
    moved, opened = receiver.got
    assert moved.said["type"] == "version.stage.changed"
    data = moved.said["data"]
    assert (data["before"], data["after"], data["comment"]) == ({"stage": "None"}, {"stage": "Staging"}, "looks good")
    assert data["actor"] == {"kind": "user", "name": "eli", "roles": ["ml-engineer"], "via": "password"}
    assert data["object"]["label"] == "Fraud-Detection version 1"
    assert (opened.said["type"], opened.said["data"]["object"]["id"]) == ("request.opened", str(request.pk))
    sent_as, timestamp = moved.headers["webhook-id"], moved.headers["webhook-timestamp"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert moved.headers["webhook-signature"] == expected(key, sent_as, timestamp, moved.body)
    assert "X-MLflow-Delivery-Id" not in moved.headers


def test_an_event_goes_to_a_webhook_once_and_not_before_its_time(hook: Webhook, ada: Actor, dana: Actor) -> None:
    make_model(dana)
    assert make_out() > 0
    assert make_out() == 0
    late = hooks.create(Channel.MLFLOW, hooks.Wish(name="late", url=hook.url, events=MLFLOW), actor=ada)[0]
    make_model(dana, "Second")
    make_out()
    assert Delivery.objects.filter(webhook=hook).count() == 2
    assert Delivery.objects.filter(webhook=late).count() == 1


def test_a_change_that_is_rolled_back_is_told_to_nobody(hook: Webhook, dana: Actor) -> None:
    with transaction.atomic():
        make_model(dana)
        transaction.set_rollback(True)
    make_out()
    assert not Delivery.objects.exists()


def test_a_webhook_that_is_off_is_told_nothing(hook: Webhook, ours: Webhook, ada: Actor, dana: Actor) -> None:
    hooks.update(hook, hooks.Wish(active=False), actor=ada)
    make_model(dana)
    make_out()
    assert not Delivery.objects.exists()


def test_a_receiver_in_trouble_is_asked_again_under_the_same_id_ever_later(
    hook: Webhook, receiver: Receiver, dana: Actor, at: Callable[[float], None]
) -> None:
    make_model(dana)
    receiver.answers = [500, 503, (429, "Retry-After", "120"), 200]
    waits, now_s = [], 0.0
    for _ in range(4):
        at(now_s)
        (row,) = send(hook)
        assert send(hook) == []
        waits.append((row.next_at - clock.now()).total_seconds())
        now_s += waits[-1]
    row = Delivery.objects.get()
    assert row.state == DeliveryState.DELIVERED
    assert 1.5 < waits[0] < 2.5
    assert 6 < waits[1] < 10
    assert waits[2] == 120
    assert len({got.headers["X-MLflow-Delivery-Id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert [entry["status"] for entry in row.log] == [500, 503, 429, 200]


def test_tries_end(hook: Webhook, receiver: Receiver, dana: Actor, at: Callable[[float], None]) -> None:
    make_model(dana)
    receiver.answers = [500] * 50
    now_s = 0.0
    for _ in range(30):
        at(now_s)
        send(hook)
        now_s += 6 * 3600 * 1.2
    row = Delivery.objects.get()
    assert (row.state, row.attempts, len(receiver.got)) == (DeliveryState.FAILED, deliveries.TRIES, deliveries.TRIES)
    assert row.error == "it answered 500"


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_an_answer_that_will_not_change_is_not_asked_for_again(
    hook: Webhook, receiver: Receiver, dana: Actor, status: int
) -> None:
    make_model(dana)
    receiver.answers = [status]
    (row,) = send(hook)
    assert (row.state, row.status, row.error) == (DeliveryState.FAILED, status, f"it answered {status}")


def test_a_receiver_that_does_not_answer_rests_and_costs_one_try(
    hook: Webhook, receiver: Receiver, dana: Actor, ada: Actor, at: Callable[[float], None]
) -> None:
    hooks.update(hook, hooks.Wish(url="http://127.0.0.1:9/"), actor=ada)
    for name in ("A", "B", "C"):
        make_model(dana, name)
    at(0)
    (row,) = send(hook)
    assert (row.state, row.attempts) == (DeliveryState.WAITING, 1)
    assert "cannot connect" in row.error
    at(3600)
    hooks.update(hook, hooks.Wish(url=receiver.url), actor=ada)
    assert len(send(hook)) == 3
    hook.refresh_from_db()
    assert hook.resting_until is None


def test_a_private_address_is_not_asked_again_and_says_why(hook: Webhook, dana: Actor, settings: Settings) -> None:
    make_model(dana)
    settings.WEBHOOK_ALLOW_PRIVATE = False
    (row,) = send(hook)
    assert row.state == DeliveryState.FAILED
    assert "not a public address" in row.error


def test_a_secret_kept_under_another_key_says_so(
    hook: Webhook, receiver: Receiver, dana: Actor, settings: Settings
) -> None:
    make_model(dana)
    settings.SECRET_KEY = "another" * 10
    (row,) = send(hook)
    assert (row.state, receiver.got) == (DeliveryState.FAILED, [])
    assert "SIGNOFF_SECRET_KEY" in row.error


def test_what_a_killed_sender_had_claimed_comes_again_after_a_minute(
    hook: Webhook, receiver: Receiver, dana: Actor, at: Callable[[float], None]
) -> None:
    make_model(dana)
    make_out()
    at(0)
    lost = deliveries.claim_next(hook.pk)
    assert lost
    assert deliveries.claim_next(hook.pk) is None
    at(61)
    (row,) = send(hook)
    assert (row.pk, row.state, row.attempts) == (lost.pk, DeliveryState.DELIVERED, 2)
    deliveries.settle(lost, deliveries.Result(500, "late word", again=True))
    row.refresh_from_db()
    assert row.state == DeliveryState.DELIVERED


def test_a_delivery_is_sent_again_by_hand_and_the_ledger_knows_by_whom(
    hook: Webhook, receiver: Receiver, dana: Actor, ada: Actor
) -> None:
    make_model(dana)
    receiver.answers = [404]
    (row,) = send(hook)
    for _ in range(2):
        deliveries.redeliver(row, actor=ada)
    assert Event.objects.filter(action="webhook.redelivered", actor_name="ada").count() == 1
    (row,) = send(hook)
    assert (row.state, len(receiver.got)) == (DeliveryState.DELIVERED, 2)
    with pytest.raises(Denied):
        deliveries.redeliver(row, actor=dana)
    hooks.delete(hook, actor=ada)
    with pytest.raises(Conflict):
        deliveries.redeliver(row, actor=ada)


def test_a_deleted_webhook_drops_what_waits_and_forgets_its_secret(hook: Webhook, dana: Actor, ada: Actor) -> None:
    make_model(dana)
    make_out()
    hooks.delete(hook, actor=ada)
    assert Delivery.objects.get().state == DeliveryState.DROPPED
    assert send(hook) == []
    row = Webhook.objects.get()
    assert bytes(row.secret) == b""
    with pytest.raises(NotFound):
        hooks.find(str(hook.pk), actor=ada)


def test_the_log_is_forgotten_after_its_days(
    hook: Webhook, dana: Actor, at: Callable[[float], None], settings: Settings
) -> None:
    make_model(dana)
    send(hook)
    deliveries.forget()
    assert Delivery.objects.count() == 1
    at(86_400 * (settings.DELIVERIES_DAYS + 1))
    deliveries.forget()
    assert not Delivery.objects.exists()


def test_secrets_are_neither_in_the_database_nor_in_the_ledger(hook: Webhook, ada: Actor) -> None:
    hooks.update(hook, hooks.Wish(secret="quite another", url=hook.url + "&token=T0KEN"), actor=ada)
    kept = bytes(Webhook.objects.get().secret)
    bodies = b"".join(bytes(body) for body in Event.objects.values_list("body", flat=True))
    for secret in (b"shared words", b"quite another", b"T0KEN"):
        assert secret not in kept
        assert secret not in bodies
    assert b'"secret":"changed"' in bodies


@pytest.mark.parametrize("patterns", [[], ["  "], ["nothing.like.it"], ["version.stage.*", "modle.*"], ["a"] * 99])
def test_events_that_cannot_be_are_refused(ada: Actor, receiver: Receiver, patterns: list[str]) -> None:
    with pytest.raises(Invalid):
        hooks.create(Channel.SIGNOFF, hooks.Wish(name="x", url=receiver.url, events=patterns), actor=ada)


@pytest.mark.parametrize(
    "secret", ["plain words", "whsec_", "whsec_!!", "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_secret_of_another_form_is_refused(ada: Actor, receiver: Receiver, secret: str) -> None:
    with pytest.raises(Invalid, match="whsec_"):
        hooks.create(Channel.SIGNOFF, hooks.Wish(name="x", url=receiver.url, events=["*"], secret=secret), actor=ada)


@pytest.mark.parametrize("name", ["dana", "eli", "olga", "rita", "aude", "otto"])
def test_only_admins_manage_webhooks(people: dict[str, Actor], hook: Webhook, name: str) -> None:
    actor, wish = people[name], hooks.Wish(name="x", url=hook.url, events=MLFLOW)
    for deed in (
        lambda: hooks.create(Channel.MLFLOW, wish, actor=actor),
        lambda: hooks.update(hook, wish, actor=actor),
        lambda: hooks.delete(hook, actor=actor),
        lambda: hooks.of(actor),
        lambda: deliveries.of(actor),
    ):
        with pytest.raises(Denied):
            deed()


def test_each_event_of_mlflow_has_an_example() -> None:
    assert set(payloads.EXAMPLES) == set(MLFLOW)
