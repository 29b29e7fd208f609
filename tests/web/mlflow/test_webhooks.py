"""webhooks/* as MLflow answers them."""

import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.actors import Actor
from audit import seal
from registry import registered
from registry.webhooks import deliveries, hooks
from registry.webhooks.models import Channel, Delivery, Webhook
from tests.registry.webhooks.receiver import Receiver
from tests.web.mlflow.conftest import Api, refused

pytestmark = pytest.mark.django_db
EVENTS = [{"entity": "MODEL_VERSION", "action": "CREATED"}, {"entity": "MODEL_VERSION_TAG", "action": "SET"}]
GOOD: dict[str, Any] = {"name": "ci", "url": "https://192.0.78.9/hook", "events": EVENTS}


@pytest.fixture
def admin(ada: Actor) -> Api:
    return Api(ada)


def test_a_webhook_is_made_shown_changed_and_deleted_as_mlflow_does(admin: Api) -> None:
    made = admin.post("webhooks", **GOOD, secret="s", description="d").json()["webhook"]
    assert made.pop("creation_timestamp") == made.pop("last_updated_timestamp")
    path = f"webhooks/{made['webhook_id']}"
    uuid.UUID(made.pop("webhook_id"))
    assert made == {**GOOD, "description": "d", "status": "ACTIVE"}
    said = admin.get(path).json()["webhook"]
    assert said["events"] == EVENTS
    assert "secret" not in said
    changed = admin.patch(path, name="other", description="", status="DISABLED", url="", events=[]).json()["webhook"]
    assert (changed["name"], changed["status"], changed["url"]) == ("other", "DISABLED", GOOD["url"])
    assert "description" not in changed
    assert changed["last_updated_timestamp"] > changed["creation_timestamp"]
    again = admin.patch(path, name="other").json()["webhook"]
    assert again["last_updated_timestamp"] == changed["last_updated_timestamp"]
    assert admin.delete(path).json() == {}
    for call in (admin.get(path), admin.patch(path, name="x"), admin.delete(path), admin.post(f"{path}/test")):
        refused(call, 404, "RESOURCE_DOES_NOT_EXIST", "not found")


def test_lists_have_pages_the_newest_first(admin: Api) -> None:
    assert admin.get("webhooks").json() == {}
    for name in ("a", "b", "c"):
        admin.post("webhooks", **{**GOOD, "name": name})
    first = admin.get("webhooks", max_results=2).json()
    assert [w["name"] for w in first["webhooks"]] == ["c", "b"]
    rest = admin.get("webhooks", max_results=2, page_token=first["next_page_token"]).json()
    assert [w["name"] for w in rest["webhooks"]] == ["a"]
    assert "next_page_token" not in rest
    for size in (0, -1, 1001, "x"):
        refused(admin.get("webhooks", max_results=size), 400, "INVALID_PARAMETER_VALUE")
    refused(admin.get("webhooks", page_token="?"), 400, "INVALID_PARAMETER_VALUE")


BAD: list[dict[str, Any]] = [
    {"name": ""}, {"name": None}, {"name": "-a"}, {"name": "a-"}, {"name": "a b"}, {"name": "x" * 64}, {"name": "é"},
    {"name": "a\n"}, {"name": 5}, {"url": ""}, {"url": 5}, {"url": "http://"}, {"url": "ftp://192.0.78.9/"},
    {"url": "https://192.0.78.9/\u202e"}, {"events": []}, {"events": "x"}, {"events": [1]}, {"events": None},
    {"events": [{"entity": "MODEL_VERSION"}]}, {"events": [{"entity": "MODEL", "action": "CREATED"}]},
    {"events": [{"entity": "MODEL_VERSION", "action": "DESTROYED"}]},
    {"events": [{"entity": "MODEL_VERSION", "action": "SET"}]}, {"events": [{"entity": 2, "action": 1}]},
    {"events": [{"entity": "ENTITY_UNSPECIFIED", "action": "CREATED"}]}, {"status": "PAUSED"}, {"status": 1},
    {"secret": 5}, {"secret": "x" * 1001}, {"description": "x" * 1001}, {"description": []},
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: str(bad)[:40])
def test_what_mlflow_would_fall_over_is_400(admin: Api, bad: dict[str, Any]) -> None:
    refused(admin.post("webhooks", {**GOOD, **bad}), 400, "INVALID_PARAMETER_VALUE")
    assert not Webhook.objects.exists()


def test_an_unknown_id_is_404_whatever_it_looks_like(admin: Api) -> None:
    for found in (str(uuid.uuid4()), "x", "1", "%00", "é", "a" * 300):
        assert admin.get(f"webhooks/{found}").status_code in {400, 404}


def test_private_addresses_need_a_setting(admin: Api, settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE, settings.WEBHOOK_ALLOWED_SCHEMES = False, ["https"]
    for url in ("http://192.0.78.9/", "https://127.0.0.1/", "https://169.254.169.254/", "https://localhost/"):
        refused(admin.post("webhooks", {**GOOD, "url": url}), 400, "INVALID_PARAMETER_VALUE", "ebhook URL")
    assert admin.post("webhooks", GOOD).status_code == 200


def test_a_test_says_how_it_went_and_stands_in_the_log(admin: Api, receiver: Receiver) -> None:
    made = admin.post("webhooks", {**GOOD, "url": receiver.url}).json()["webhook"]
    path = f"webhooks/{made['webhook_id']}/test"
    assert admin.post(path).json() == {"result": {"success": True, "response_status": 200, "response_body": "seen"}}
    assert (receiver.got[0].said["entity"], receiver.got[0].said["data"]["name"]) == ("model_version", "example_model")
    assert "X-MLflow-Signature" not in receiver.got[0].headers
    receiver.answers = [500]
    said = admin.post(path, event={"entity": "REGISTERED_MODEL", "action": "CREATED"}).json()["result"]
    assert (said["success"], said["response_status"]) == (False, 500)
    assert receiver.got[1].said["entity"] == "registered_model"
    assert {row.state for row in Delivery.objects.all()} == {"delivered", "failed"}
    receiver.close()
    said = admin.post(path).json()["result"]
    assert (said["success"], "response_status" in said) == (False, False)
    assert said["error_message"].startswith("Failed to test webhook")
    refused(admin.post(path, event="x"), 400, "INVALID_PARAMETER_VALUE")
    refused(admin.post(path, event={"entity": "X", "action": "Y"}), 400, "INVALID_PARAMETER_VALUE")


def test_the_ledgers_channel_is_never_seen_here(admin: Api, ada: Actor) -> None:
    row, _ = hooks.create(Channel.SIGNOFF, hooks.Wish(name="x", url=GOOD["url"], events=["*"]), actor=ada)
    assert admin.get("webhooks").json() == {}
    for call in (admin.get, admin.patch, admin.delete):
        refused(call(f"webhooks/{row.pk}"), 404, "RESOURCE_DOES_NOT_EXIST")


BACKEND = "django.contrib.auth.backends.ModelBackend"


def test_admins_make_webhooks_in_the_admin_and_see_the_secret_once(ada: Actor, rita: Actor, receiver: Receiver) -> None:
    browser = Client()
    browser.force_login(ada.person, backend=BACKEND)
    form = {"name": "chat", "url": receiver.url, "patterns": "request.*\nversion.stage.changed", "active": "on"}
    page = browser.post("/admin/webhooks/webhook/add/", form, follow=True)
    assert b"whsec_" in page.content
    row = Webhook.objects.get()
    assert (row.channel, row.events) == (Channel.SIGNOFF, ["request.*", "version.stage.changed"])
    assert b"whsec_" not in browser.get("/admin/webhooks/webhook/").content
    change = browser.get(f"/admin/webhooks/webhook/{row.pk}/change/")
    assert b"whsec_\xe2\x80\xa6" in change.content
    browser.post(f"/admin/webhooks/webhook/{row.pk}/change/", {**form, "patterns": "request.decided", "name": "talk"})
    row.refresh_from_db()
    assert (row.name, row.events) == ("talk", ["request.decided"])
    bad = browser.post(
        "/admin/webhooks/webhook/add/", {**form, "patterns": "nope", "url": "ftp://x", "new_secret": "x"}
    )
    assert bad.content.count(b"errorlist") >= 3
    browser.post("/admin/webhooks/webhook/", {"action": "test", "_selected_action": [str(row.pk)]})
    assert receiver.got[0].said == {**receiver.got[0].said, "type": "request.decided", "data": {"test": True}}
    browser.post("/admin/webhooks/webhook/", {"action": "end", "_selected_action": [str(row.pk)]})
    row.refresh_from_db()
    assert row.deleted_at
    reviewer = Client()
    reviewer.force_login(rita.person, backend=BACKEND)
    for path in ("webhook/", "webhook/add/", "delivery/"):
        assert reviewer.get(f"/admin/webhooks/{path}").status_code in {302, 403}


def test_the_delivery_log_is_read_and_sent_from_again_in_the_admin(ada: Actor, dana: Actor, receiver: Receiver) -> None:
    hooks.create(
        Channel.MLFLOW, hooks.Wish(name="ci", url=receiver.url, events=["registered_model.created"]), actor=ada
    )
    registered.create_model("Fraud", actor=dana)
    seal.seal()
    deliveries.make_out()
    row = Delivery.objects.get()
    Delivery.objects.update(state="failed", error="it answered 404", ended_at=row.created_at)
    browser = Client()
    browser.force_login(ada.person, backend=BACKEND)
    assert b"it answered 404" in browser.get("/admin/webhooks/delivery/").content
    assert b"Fraud" in browser.get(f"/admin/webhooks/delivery/{row.pk}/change/").content
    browser.post("/admin/webhooks/delivery/", {"action": "again", "_selected_action": [str(row.pk)]})
    row.refresh_from_db()
    assert row.state == "waiting"
