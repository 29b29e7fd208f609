"""The unmodified client makes webhooks; real receivers hear within 5 s, from the server with pages only too."""

import base64
import hmac
import json
import time
from collections.abc import Iterator

import pytest

from tests.registry.webhooks.receiver import Receiver
from tests.wire.conftest import Client
from tests.wire.server import Server
from tests.wire.test_databricks import TOKEN

pytestmark = pytest.mark.wire
SOON_S = 5.0
SDK_IMPORTS = """
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.ml import HttpUrlSpec, RegistryWebhookEvent as Event, RegistryWebhookStatus as Status
ada = WorkspaceClient(host=os.environ["MLFLOW_TRACKING_URI"], token=os.environ["ADA"]).model_registry
"""
OURS = """
import django
django.setup()
from accounts.actors import Via, person
from accounts.models import User
from registry.webhooks import hooks
from registry.webhooks.models import Channel
wish = hooks.Wish(name="chat", url=URL, events=["version.stage.changed", "request.*"])
print(hooks.create(Channel.SIGNOFF, wish, actor=person(User.objects.get(username="ada"), Via.PASSWORD))[1])
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose periodic work runs beside it, as `up --only web` has it."""
    made = Server(
        tmp_path_factory.mktemp("hooks") / "home",
        ticking=True,
        SIGNOFF_WEBHOOK_ALLOW_PRIVATE="on",
        SIGNOFF_WEBHOOK_ALLOWED_SCHEMES="https,http",
    )
    yield made
    made.end()


def test_the_client_manages_webhooks(client: Client, receiver: Receiver) -> None:
    client.run(
        "ada",
        f"""
url = {receiver.url!r}
made = client.create_webhook("ci", url, ["registered_model.created", "model_version.created"], "what for", "secret")
assert (made.name, made.url, str(made.status), made.description) == ("ci", url, "ACTIVE", "what for"), made
assert [str(e) for e in made.events] == ["registered_model.created", "model_version.created"]
assert client.get_webhook(made.webhook_id).name == "ci" and client.get_webhook(made.webhook_id).secret is None
client.create_webhook("second", url, ["model_version_alias.created"])
first = client.list_webhooks(max_results=1)
assert [w.name for w in first] == ["second"] and first.token
assert [w.name for w in client.list_webhooks(max_results=1, page_token=first.token)] == ["ci"]
changed = client.update_webhook(made.webhook_id, name="other", events=["model_version_tag.set"], status="DISABLED")
assert (changed.name, str(changed.status), changed.description) == ("other", "DISABLED", "what for")
done = client.test_webhook(made.webhook_id)
assert done.success and done.response_status == 200, done
done = client.test_webhook(made.webhook_id, "prompt_alias.deleted")
assert done.success
for hook in client.list_webhooks():
    client.delete_webhook(hook.webhook_id)
assert list(client.list_webhooks()) == []
assert refusal(client.get_webhook, made.webhook_id)[0] == "RESOURCE_DOES_NOT_EXIST"
assert refusal(client.create_webhook, "a b", url, ["model_version.created"])[0] == "INVALID_PARAMETER_VALUE"
assert refusal(client.create_webhook, "a", "ftp://x", ["model_version.created"])[0] == "INVALID_PARAMETER_VALUE"
""",
    )
    assert [got.said["entity"] for got in receiver.got] == ["model_version_tag", "prompt_alias"]
    client.run("dana", "assert refusal(client.list_webhooks)[0] == 'PERMISSION_DENIED'")


def test_six_events_arrive_within_5_s_signed_so_that_mlflows_own_check_holds(
    client: Client, receiver: Receiver
) -> None:
    names = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted"]
    names += ["model_version_alias.created", "model_version_alias.deleted"]
    client.run("ada", f"client.create_webhook('ci', {receiver.url!r}, {names!r}, secret='shared')")
    receiver.answers = [503]
    client.run(
        "dana",
        """
client.create_registered_model("Heard", {"team": "risk"}, "all about it")
client.create_model_version("Heard", "s3://bucket/model", tags={"a": "b"})
client.set_model_version_tag("Heard", "1", "k", "v")
client.delete_model_version_tag("Heard", "1", "k")
client.set_registered_model_alias("Heard", "blue", "1")
client.delete_registered_model_alias("Heard", "blue")
""",
    )
    got = receiver.wait(7)
    heard = {f"{one.said['entity']}.{one.said['action']}" for one in got}
    assert heard == set(names)
    ids = [one.headers["X-MLflow-Delivery-Id"] for one in got]
    assert len(set(ids)) == 6
    assert ids.count(ids[0]) == 2  # the one that met a 503 came again
    signed = [
        [one.headers["X-MLflow-Signature"], one.headers["X-MLflow-Delivery-Id"], one.headers["X-MLflow-Timestamp"]]
        for one in got
    ]
    bodies = [one.body.decode() for one in got]
    client.run(
        "dana",
        f"""
from mlflow.webhooks.delivery import _generate_hmac_signature
for (signature, sent_as, timestamp), body in zip({signed!r}, {bodies!r}):
    assert _generate_hmac_signature("shared", sent_as, timestamp, body) == signature
""",
    )
    once = {one.headers["X-MLflow-Delivery-Id"]: one for one in reversed(got)}
    late = [one.at - _at(one.said["timestamp"]) for one in once.values()]
    assert max(late) < SOON_S, late
    client.run("ada", "[client.delete_webhook(hook.webhook_id) for hook in client.list_webhooks()]")


def test_a_hundred_deliveries_are_there_within_5_s_of_their_events(client: Client, receiver: Receiver) -> None:
    client.run("ada", f"client.create_webhook('many', {receiver.url!r}, ['model_version_tag.set'])")
    client.run(
        "dana",
        """
client.create_registered_model("Often")
client.create_model_version("Often", "s3://bucket/model")
for number in range(100):
    client.set_model_version_tag("Often", "1", f"k{number}", "v")
""",
    )
    got = receiver.wait(100)
    assert len({one.said["data"]["key"] for one in got}) == 100
    late = sorted(one.at - _at(one.said["timestamp"]) for one in got)
    assert late[98] < SOON_S, f"p50 {late[49]:.2f} s, p99 {late[98]:.2f} s, at most {late[-1]:.2f} s"
    client.run("ada", "[client.delete_webhook(hook.webhook_id) for hook in client.list_webhooks()]")


def _at(text: str) -> float:
    from datetime import datetime  # noqa: PLC0415 - only here

    return datetime.fromisoformat(text).timestamp()


def test_stage_moves_go_to_the_ledgers_channel_that_mlflows_list_does_not_show(
    client: Client, server: Server, receiver: Receiver
) -> None:
    secret = server.django(OURS, URL=receiver.url).strip()
    assert "chat" not in client.run("ada", "print([hook.name for hook in client.list_webhooks()])")
    client.run(
        "eli",
        """
client.create_registered_model("Moved")
client.create_model_version("Moved", "s3://bucket/model")
client.transition_model_version_stage("Moved", "1", "Staging")
""",
    )
    began = time.time()
    (got,) = receiver.wait(1)
    assert got.at - began < SOON_S
    assert got.said["type"] == "version.stage.changed"
    assert got.said["data"]["after"] == {"stage": "Staging"}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.{got.body.decode()}".encode()
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert "address" not in json.dumps(got.said["data"]["actor"])


def test_the_databricks_sdk_manages_its_webhooks(client: Client, server: Server, receiver: Receiver) -> None:
    token = server.django(TOKEN, NAME="ada").strip().splitlines()[-1]
    client.run(
        "ada",
        f"URL = {receiver.url!r}"
        + SDK_IMPORTS
        + """
made = ada.create_webhook([Event.TRANSITION_REQUEST_CREATED], description="chat", http_url_spec=HttpUrlSpec(url=URL),
                          status=Status.ACTIVE).webhook
assert (made.description, made.status, made.http_url_spec.url) == ("chat", Status.ACTIVE, URL), made
assert made.id in [one.id for one in ada.list_webhooks(events=[Event.TRANSITION_REQUEST_CREATED])]
told = ada.test_registry_webhook(made.id, event=Event.TRANSITION_REQUEST_CREATED)
assert told, told
changed = ada.update_webhook(made.id, description="quiet", status=Status.DISABLED)
assert changed.webhook.status == Status.DISABLED, changed
ada.delete_webhook(made.id)
assert made.id not in [one.id for one in ada.list_webhooks()]
""",
        ADA=token,
    )
    assert len(receiver.wait(1)) == 1
