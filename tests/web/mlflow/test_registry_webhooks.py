"""registry-webhooks/* as a Databricks workspace answers them, and what is sent to whom."""

import hmac
import json
from typing import Any

import pytest

from accounts.actors import Actor
from registry import discussion, registered, transitions, versions
from registry.models import ModelVersion
from registry.stages import Stage
from registry.webhooks import deliveries, sending, workspace
from registry.webhooks.models import Channel, Webhook
from tests.factories import ask_production, make_model, make_version
from tests.registry.webhooks.receiver import Receiver
from tests.sealing import sealed
from tests.web.mlflow.conftest import Api, refused

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture
def admin(ada: Actor) -> Api:
    return Api(ada)


@pytest.fixture
def version(dana: Actor) -> ModelVersion:
    return make_version(make_model(dana), dana)


def make(admin: Api, receiver: Receiver, *events: str, spec: dict[str, Any] | None = None, **more: Any) -> Any:
    said = {"url": receiver.url, "secret": "s3cret", "authorization": "Bearer ci", **(spec or {})}
    return admin.post("registry-webhooks/create", events=list(events), http_url_spec=said, **more)


def sent(receiver: Receiver) -> list[dict[str, Any]]:
    """Return what reached the receiver once everything due was tried."""
    sealed()
    deliveries.make_out()
    for hook in Webhook.objects.all():
        while found := deliveries.claim_next(hook.pk):
            sending.attempt(found)
    return [json.loads(got.body) for got in receiver.got]


def test_a_webhook_is_made_listed_changed_tested_and_deleted(admin: Api, receiver: Receiver, dana: Actor) -> None:
    make_model(dana, "Credit")
    made = make(admin, receiver, "COMMENT_CREATED", model_name="Credit", description="d").json()["webhook"]
    assert made["http_url_spec"] == {"url": receiver.url, "enable_ssl_verification": True}
    assert (made["model_name"], made["status"], made["events"]) == ("Credit", "ACTIVE", ["COMMENT_CREATED"])
    make(admin, receiver, "REGISTERED_MODEL_CREATED", status="TEST_MODE")
    listed = admin.get("registry-webhooks/list").json()["webhooks"]
    assert [(one.get("model_name"), one["status"]) for one in listed] == [(None, "TEST_MODE"), ("Credit", "ACTIVE")]
    assert admin.get("registry-webhooks/list", model_name="Credit").json()["webhooks"] == [made]
    assert admin.get("registry-webhooks/list", events="COMMENT_CREATED").json()["webhooks"] == [made]
    changed = admin.patch("registry-webhooks/update", id=made["id"], status="DISABLED").json()["webhook"]
    assert (changed["status"], changed["description"]) == ("DISABLED", "d")
    tried = admin.post("registry-webhooks/test", id=made["id"], event="TRANSITION_REQUEST_CREATED").json()
    assert tried["status_code"] == 200
    assert json.loads(receiver.got[0].body)["event"] == "TRANSITION_REQUEST_CREATED"
    assert admin.http.delete(f"/api/2.0/mlflow/registry-webhooks/delete?id={made['id']}").status_code == 200
    refused(admin.post("registry-webhooks/test", id=made["id"]), 404, "RESOURCE_DOES_NOT_EXIST")
    assert "webhooks" not in admin.get("webhooks").json(), "MLflow's list shows MLflow's"


def test_the_secret_signs_and_the_authorization_goes_along(admin: Api, receiver: Receiver, dana: Actor) -> None:
    make(admin, receiver, "REGISTERED_MODEL_CREATED")
    make_model(dana, "Credit")
    [said] = sent(receiver)
    assert (said["event"], said["model_name"], said["webhook_id"]) == (
        "REGISTERED_MODEL_CREATED", "Credit", str(Webhook.objects.get().pk),
    )  # fmt: skip
    got = receiver.got[0]
    assert got.headers["X-Databricks-Signature"] == hmac.digest(b"s3cret", got.body, "sha256").hex()
    assert got.headers["Authorization"] == "Bearer ci"
    row = Webhook.objects.get()
    assert row.channel == Channel.WORKSPACE
    assert b"s3cret" not in bytes(row.secret) + bytes(row.authorization)


def test_every_event_of_a_workspace_is_told(
    admin: Api, receiver: Receiver, version: ModelVersion, dana: Actor, eli: Actor
) -> None:
    make(admin, receiver, *workspace.EVENTS)
    second = make_version(registered_model := version.model, dana)
    versions.set_version_tag(second, "team", "risk", actor=dana)
    transitions.transition(second, to=Stage.STAGING, actor=eli, comment="try")
    discussion.add_comment(ask_production(second, dana), body="why now?", actor=dana)
    transitions.transition(second, to=Stage.ARCHIVED, actor=eli)
    transitions.transition(second, to=Stage.NONE, actor=eli)
    registered.create_model("Other", actor=dana)
    told = sent(receiver)
    assert {one["model_name"] for one in told} == {registered_model.name, "Other"}
    assert [(one["event"], one.get("from_stage"), one.get("to_stage"), one.get("comment")) for one in told] == [
        ("MODEL_VERSION_CREATED", None, None, None),
        ("MODEL_VERSION_TAG_SET", None, None, None),
        ("MODEL_VERSION_TRANSITIONED_TO_STAGING", "None", "Staging", None),
        ("TRANSITION_REQUEST_TO_PRODUCTION_CREATED", "Staging", "Production", ""),
        ("COMMENT_CREATED", None, None, "why now?"),
        ("MODEL_VERSION_TRANSITIONED_TO_ARCHIVED", "Staging", "Archived", None),
        ("MODEL_VERSION_TRANSITIONED_STAGE", "Archived", "None", None),
        ("REGISTERED_MODEL_CREATED", None, None, None),
    ]


def test_a_webhook_of_one_model_hears_of_no_other_and_one_off_of_nothing(
    admin: Api, receiver: Receiver, version: ModelVersion, dana: Actor
) -> None:
    make(admin, receiver, "MODEL_VERSION_CREATED", model_name=version.model.name)
    make(admin, receiver, "MODEL_VERSION_CREATED", status="TEST_MODE")
    make_version(version.model, dana)
    make_version(make_model(dana, "Other"), dana)
    assert [one["model_name"] for one in sent(receiver)] == [version.model.name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": []}, "events"),
        ({"events": ["EVERYTHING"]}, "MODEL_VERSION_CREATED"),
        ({"http_url_spec": None}, "http_url_spec"),
        ({"job_spec": {"job_id": "1", "access_token": "x"}}, "jobs"),
        ({"status": "SLEEPING"}, "status"),
        ({"events": ["REGISTERED_MODEL_CREATED"], "model_name": "Fraud-Detection"}, "leave model_name out"),
        ({"http_url_spec": {"url": "ftp://x"}}, "scheme"),
        ({"http_url_spec": {"url": "http://127.0.0.1:9/", "enable_ssl_verification": False}}, "always checked"),
    ],
)
def test_what_cannot_be_is_refused(
    admin: Api, receiver: Receiver, version: ModelVersion, change: dict[str, Any], words: str
) -> None:
    body = {"events": ["COMMENT_CREATED"], "http_url_spec": {"url": receiver.url}, **change}
    refused(admin.post("registry-webhooks/create", body), 400, "INVALID_PARAMETER_VALUE", words)
    assert not Webhook.objects.exists()
