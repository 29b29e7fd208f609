"""webhooks/*: MLflow's own. Those that tell of the ledger's events are another channel, which is never shown here."""

from core.refusals import Invalid
from registry.paging import Listing, by, check_size, page
from registry.webhooks import deliveries, events, hooks, sending
from registry.webhooks.models import Channel, Webhook
from web.mlflow import listing, render
from web.mlflow.fields import Fields, invalid, missing
from web.mlflow.wire import Call, Json

STATUSES = {"ACTIVE": True, "DISABLED": False}


def _asked(call: Call) -> Webhook:
    return hooks.find(call.fields.need("webhook_id"), actor=call.actor, channel=Channel.MLFLOW)


def _shown(row: Webhook) -> Json:
    return {"webhook": render.webhook(row)}


def create(call: Call) -> Json:
    """Make a webhook."""
    fields = call.fields
    for name in ("name", "url"):
        fields.need(name)
    if not fields.parts("events"):
        raise missing("events")
    row, _ = hooks.create(Channel.MLFLOW, _wish(fields), actor=call.actor)
    return _shown(row)


def find(call: Call) -> Json:
    """List webhooks, the newest first."""
    asked = listing.asked(call.fields)
    size = check_size(asked.max_results, default=100, limit=1000)
    found = page(
        hooks.of(call.actor, Channel.MLFLOW), Listing(["webhooks"], by("-created_at", "-pk"), size, asked.token)
    )
    return listing.paged("webhooks", [render.webhook(row) for row in found.rows], found)


def get(call: Call) -> Json:
    """Return a webhook."""
    return _shown(_asked(call))


def update(call: Call) -> Json:
    """Change what is sent; an empty name, address or list of events changes nothing."""
    return _shown(hooks.update(_asked(call), _wish(call.fields), actor=call.actor))


def delete(call: Call) -> Json:
    """Delete a webhook; what still waits for it is dropped."""
    hooks.delete(_asked(call), actor=call.actor)
    return {}


def test(call: Call) -> Json:
    """Send an example of an event, the first one where none is named, and say what came of it."""
    row = _asked(call)
    said = call.fields.said.get("event")
    if said is not None and not isinstance(said, dict):
        raise invalid("event", said)
    event = _event(Fields(said)) if said else row.events[0]
    return {"result": render.webhook_test(sending.attempt(deliveries.example_delivery(row, event)))}


def _wish(fields: Fields) -> hooks.Wish:
    found = [_event(part) for part in fields.parts("events")]
    return hooks.Wish(
        name=fields.text("name") or None,
        url=fields.text("url") or None,
        events=found or None,
        description=_given(fields, "description"),
        secret=_given(fields, "secret"),
        active=_active(fields.text("status")),
    )


def _given(fields: Fields, name: str) -> str | None:
    """Return a text, empty ones too, or None where it was not sent."""
    return None if fields.said.get(name) is None else fields.text(name)


def _event(part: Fields) -> str:
    return events.mlflow_event(part.need("entity"), part.need("action"))


def _active(status: str) -> bool | None:
    if status and status not in STATUSES:
        raise Invalid(
            f"Invalid value '{status[:80]}' for parameter 'status' supplied: ACTIVE or DISABLED.", field="status"
        )
    return STATUSES.get(status)
