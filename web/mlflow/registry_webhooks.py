"""registry-webhooks/*: a workspace registry's webhooks, as the Databricks SDK manages them."""

import secrets
from typing import Any

from core.clock import millis
from core.refusals import Invalid
from registry.access import named_model
from registry.paging import Listing, by, check_size, page
from registry.webhooks import deliveries, hooks, sending, workspace
from registry.webhooks.models import Channel, Webhook
from web.mlflow import listing
from web.mlflow.fields import Fields, invalid, missing
from web.mlflow.render import shape
from web.mlflow.wire import Call, Json

STATUSES = {"ACTIVE": (True, False), "DISABLED": (False, False), "TEST_MODE": (False, True)}  # active, test_only


def create(call: Call) -> Json:
    """Make a webhook, of one model or of all."""
    fields = call.fields
    if not fields.texts("events"):
        raise missing("events")
    if not fields.said.get("http_url_spec"):
        raise Invalid("A webhook needs http_url_spec: Signoff runs no jobs of a workspace.", field="http_url_spec")
    model = named_model(name, actor=call.actor) if (name := fields.text("model_name")) else None
    if model and workspace.MODEL_MADE in fields.texts("events"):
        raise Invalid(f"{workspace.MODEL_MADE} is for a webhook of all models: leave model_name out.", field="events")
    wish = _wish(fields, name=f"databricks-{secrets.token_hex(4)}", model_uuid=model.uuid if model else None)
    row, _ = hooks.create(Channel.WORKSPACE, wish, actor=call.actor)
    return {"webhook": _shown(row)}


def find(call: Call) -> Json:
    """List webhooks, the newest first; of one model, or of those that ask for one of `events`."""
    asked = listing.asked(call.fields)
    rows = hooks.of(call.actor, Channel.WORKSPACE)
    if name := call.fields.text("model_name"):
        rows = rows.filter(model_uuid=named_model(name, actor=call.actor).uuid)
    size = check_size(asked.max_results, default=100, limit=1000)
    found = page(rows, Listing(["registry-webhooks"], by("-created_at", "-pk"), size, asked.token))
    wanted = set(call.fields.texts("events"))
    shown = [_shown(row) for row in found.rows if not wanted or wanted.intersection(row.events)]
    return listing.paged("webhooks", shown, found)


def update(call: Call) -> Json:
    """Change what is sent."""
    return {"webhook": _shown(hooks.update(_asked(call), _wish(call.fields), actor=call.actor))}


def delete(call: Call) -> Json:
    """Delete a webhook; what still waits for it is dropped."""
    hooks.delete(_asked(call), actor=call.actor)
    return {}


def test(call: Call) -> Json:
    """Send an example of an event, the first it asks for where none is named, and say what came of it."""
    row = _asked(call)
    event = workspace.check_names([call.fields.text("event") or row.events[0]])[0]
    done = sending.attempt(deliveries.example_delivery(row, event))
    return shape(status_code=done.status, body=done.answer or done.error)


def _asked(call: Call) -> Webhook:
    return hooks.find(call.fields.need("id"), actor=call.actor, channel=Channel.WORKSPACE)


def _wish(fields: Fields, **more: Any) -> hooks.Wish:
    if fields.said.get("job_spec"):
        raise Invalid("Signoff runs no jobs of a workspace: use http_url_spec.", field="job_spec")
    spec = _spec(fields)
    active, test_only = _status(fields.text("status"))
    names = fields.texts("events")
    return hooks.Wish(
        url=spec.text("url") or None,
        events=workspace.check_names(names) if names else None,
        description=_given(fields, "description"),
        secret=_given(spec, "secret"),
        authorization=_given(spec, "authorization"),
        active=active,
        test_only=test_only,
        **more,
    )


def _spec(fields: Fields) -> Fields:
    said = fields.said.get("http_url_spec") or {}
    if not isinstance(said, dict):
        raise invalid("http_url_spec", said)
    if said.get("enable_ssl_verification") is False:
        raise Invalid("Certificates are always checked.", next_step="Leave enable_ssl_verification out.")
    return Fields(said)


def _status(word: str) -> tuple[bool | None, bool | None]:
    if word and word not in STATUSES:
        raise invalid("status", word)
    return STATUSES.get(word, (None, None))


def _given(fields: Fields, name: str) -> str | None:
    """Return a text, empty ones too, or None where it was not sent."""
    return None if fields.said.get(name) is None else fields.text(name)


def _shown(row: Webhook) -> Json:
    return shape(
        id=str(row.pk),
        events=row.events,
        description=row.description or None,
        model_name=workspace.model_name(row.model_uuid) if row.model_uuid else None,
        status="ACTIVE" if row.active else "TEST_MODE" if row.test_only else "DISABLED",
        http_url_spec={"url": row.url, "enable_ssl_verification": True},
        creation_timestamp=millis(row.created_at),
        last_updated_timestamp=millis(row.updated_at),
    )
