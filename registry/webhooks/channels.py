"""What each kind of webhook is told, in which words and under which headers."""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import clock, secret_text
from registry.webhooks import events, hooks, mail, payloads, workspace
from registry.webhooks.models import Channel, Delivery, Webhook

Body = dict[str, Any]
Told = tuple[str, str]  # the event's name there, and the text that is sent


@dataclass(frozen=True)
class Kind:
    """`wants`: whether an action of the ledger may concern a webhook. `told`: what it is sent of an event, or None."""

    wants: Callable[[Webhook, str], bool]
    told: Callable[[Webhook, int, Body], Told | None]
    example: Callable[[Webhook, str], str]
    headers: Callable[[Delivery, str, bytes], dict[str, str]]


def _ours(webhook: Webhook, seq: int, body: Body) -> Told | None:
    if mail.is_mail(webhook.url):
        letter = mail.told(webhook, seq, body)
        return (body["action"], letter) if letter else None
    return body["action"], json.dumps(payloads.ours(seq, body))


def _our_example(webhook: Webhook, event: str) -> str:
    if mail.is_mail(webhook.url):
        return mail.example(webhook, event)
    return json.dumps(payloads.our_example(event, clock.iso(clock.now())))


def _our_headers(delivery: Delivery, timestamp: str, body: bytes) -> dict[str, str]:
    secret, sent_as = _secret(delivery), str(delivery.pk)
    signature = _signature(hooks.key_of(secret), sent_as, timestamp, body)
    return {"webhook-id": sent_as, "webhook-timestamp": timestamp, "webhook-signature": signature}


def _mlflows(webhook: Webhook, seq: int, body: Body) -> Told | None:
    del seq
    said = payloads.mlflow_of(body)
    if not said or said[0] not in webhook.events:
        return None
    return said[0], json.dumps(payloads.mlflow(said[0], body["at"], said[1]))


def _mlflows_example(webhook: Webhook, event: str) -> str:
    del webhook
    return json.dumps(payloads.mlflow(event, clock.iso(clock.now()), payloads.EXAMPLES[event]))


def _mlflows_headers(delivery: Delivery, timestamp: str, body: bytes) -> dict[str, str]:
    secret, sent_as = _secret(delivery), str(delivery.pk)
    head = {"X-MLflow-Delivery-Id": sent_as, "X-MLflow-Timestamp": timestamp}
    return {**head, "X-MLflow-Signature": _signature(secret.encode(), sent_as, timestamp, body)} if secret else head


def _workspaces(webhook: Webhook, seq: int, body: Body) -> Told | None:
    del seq
    if webhook.model_uuid and str(webhook.model_uuid) != body["model"]:
        return None
    names, said = workspace.told(body)
    event = next((name for name in names if name in webhook.events), None)
    if event is None:
        return None
    at_ms = clock.millis(datetime.fromisoformat(body["at"]))
    return event, workspace.message(event, str(webhook.pk), at_ms, body["actor"]["name"], said)


def _workspaces_example(webhook: Webhook, event: str) -> str:
    at_ms = clock.millis(clock.now())
    return workspace.message(event, str(webhook.pk), at_ms, "test", workspace.example(event))


def _workspaces_headers(delivery: Delivery, timestamp: str, body: bytes) -> dict[str, str]:
    del timestamp
    secret, said = _secret(delivery), secret_text.reveal(bytes(delivery.webhook.authorization))
    sign = {"X-Databricks-Signature": hmac.digest(secret.encode(), body, "sha256").hex()} if secret else {}
    return {**sign, **({"Authorization": said} if said else {})}


def _secret(delivery: Delivery) -> str:
    return secret_text.reveal(bytes(delivery.webhook.secret))


def _signature(key: bytes, sent_as: str, timestamp: str, body: bytes) -> str:
    made = hmac.digest(key, f"{sent_as}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(made).decode()}"


KINDS: dict[str, Kind] = {
    Channel.SIGNOFF: Kind(lambda hook, action: events.wanted(action, hook.events), _ours, _our_example, _our_headers),
    Channel.MLFLOW: Kind(lambda _, action: action in payloads.MAKERS, _mlflows, _mlflows_example, _mlflows_headers),
    Channel.WORKSPACE: Kind(
        lambda _, action: action in workspace.ACTIONS, _workspaces, _workspaces_example, _workspaces_headers
    ),
}
