"""Own REST of webhooks: made, tested, looked up, sent from again."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.actors import COMMAND, Actor
from accounts.permissions import Scope
from registry.webhooks import hooks
from registry.webhooks.models import Channel, Delivery
from tests.registry.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db
AT = "/api/v1/webhooks"


@pytest.fixture
def http(ada: Actor) -> Client:
    scopes = [Scope.READ, Scope.WRITE]
    _, token = tokens.mint(ada.person, label="t", scopes=scopes, days=1, actor=COMMAND)
    return Client(headers={"Authorization": f"Bearer {token}"})


def send(http: Client, method: str, path: str, **body: Any) -> Any:
    return http.generic(method, path, json.dumps(body), content_type="application/json")


def test_a_webhook_lives_through_rest_and_its_secret_is_seen_once(http: Client, receiver: Receiver) -> None:
    made = send(http, "POST", AT, name="chat", url=receiver.url, events=["request.*"])
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    one = f"{AT}/{made.json()['id']}"
    assert "secret" not in http.get(one).json()
    assert [row["name"] for row in http.get(AT).json()] == ["chat"]
    changed = send(http, "PATCH", one, events=["rollout.*"], active=False).json()
    assert (changed["events"], changed["active"], changed["name"]) == (["rollout.*"], False, "chat")
    assert send(http, "PATCH", one, events=["nothing.like.it"]).status_code == 400
    assert send(http, "PATCH", one, url="ftp://x").json()["field"] == "url"
    assert send(http, "DELETE", one).status_code == 204
    assert http.get(one).status_code == 404
    assert http.get(AT).json() == []


def test_a_test_is_in_the_log_and_is_sent_again_under_its_id(http: Client, receiver: Receiver) -> None:
    made = send(http, "POST", AT, name="chat", url=receiver.url, events=["request.*"]).json()
    receiver.answers = [404]
    told = send(http, "POST", f"{AT}/{made['id']}/test").json()
    assert (told["state"], told["status"], told["event"]) == ("failed", 404, "request.opened")
    log = f"{AT}/{made['id']}/deliveries"
    assert [row["id"] for row in http.get(log, {"state": "failed"}).json()] == [told["id"]]
    assert http.get(log, {"state": "delivered"}).json() == []
    assert http.get(log, {"state": "odd"}).status_code == 400
    again = send(http, "POST", f"/api/v1/deliveries/{told['id']}/redeliver").json()
    assert (again["state"], again["id"]) == ("waiting", told["id"])
    assert Delivery.objects.get().attempts == 0
    assert send(http, "POST", "/api/v1/deliveries/00000000-0000-4000-8000-000000000000/redeliver").status_code == 404


def test_mlflows_channel_is_seen_here_but_its_events_are_mlflows(http: Client, ada: Actor, receiver: Receiver) -> None:
    wish = hooks.Wish(name="ci", url=receiver.url, events=["registered_model.created"])
    row, _ = hooks.create(Channel.MLFLOW, wish, actor=ada)
    assert [one["channel"] for one in http.get(AT).json()] == ["mlflow"]
    assert send(http, "PATCH", f"{AT}/{row.pk}", active=False).json()["active"] is False
    assert send(http, "PATCH", f"{AT}/{row.pk}", events=["request.*"]).status_code == 400
