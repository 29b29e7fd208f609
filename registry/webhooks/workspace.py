"""Events and messages of a workspace registry's webhooks, made out from the ledger."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from core.refusals import Invalid
from registry.models import ApprovalRequest, RegisteredModel
from registry.stages import Stage

Body = dict[str, Any]
MOVED, ASKED, COMMENTED = "MODEL_VERSION_TRANSITIONED_STAGE", "TRANSITION_REQUEST_CREATED", "COMMENT_CREATED"
MODEL_MADE, VERSION_MADE, TAGGED = "REGISTERED_MODEL_CREATED", "MODEL_VERSION_CREATED", "MODEL_VERSION_TAG_SET"
MOVED_TO: dict[Stage, str] = {
    stage: f"MODEL_VERSION_TRANSITIONED_TO_{stage.upper()}" for stage in Stage if stage is not Stage.NONE
}
ASKED_FOR: dict[Stage, str] = {
    stage: f"TRANSITION_REQUEST_TO_{stage.upper()}_CREATED" for stage in Stage if stage is not Stage.NONE
}
EVENTS = (MODEL_MADE, VERSION_MADE, TAGGED, COMMENTED, MOVED, *MOVED_TO.values(), ASKED, *ASKED_FOR.values())
STAGED = frozenset({MOVED, ASKED, *MOVED_TO.values(), *ASKED_FOR.values()})
ACTIONS = frozenset({
    "model.created", "version.registered", "version.tag.set", "version.stage.changed", "request.opened",
    "request.commented",
})  # fmt: skip


def check_names(names: Iterable[str]) -> list[str]:
    """Return the names without repeats; raise Invalid for none and for one that is no event."""
    found = list(dict.fromkeys(names))
    if wrong := next((name for name in found if name not in EVENTS), "" if found else "none"):
        raise Invalid(f"Invalid value '{wrong[:80]}' for parameter 'events': {', '.join(EVENTS)}.", field="events")
    return found


def told(body: Body) -> tuple[tuple[str, ...], Body]:
    """Return the names of an event of the ledger, the nearest first, and what is said of it; no name: nothing is."""
    action, after = body["action"], body["after"]
    if action == "model.created":
        return (MODEL_MADE,), {"model_name": body["object"]["label"]}
    if action.startswith("request."):
        return _of_request(body)
    said: Body = _place(body)
    if action == "version.tag.set":
        ((key, value),) = after.items()
        return (TAGGED,), {**said, "tag": {"key": key, "value": value}}
    if action == "version.stage.changed":
        to = Stage(after["stage"])
        return _names(MOVED_TO, MOVED, to), {**said, "from_stage": body["before"]["stage"], "to_stage": to}
    return (VERSION_MADE,), said


def _of_request(body: Body) -> tuple[tuple[str, ...], Body]:
    row = ApprovalRequest.objects.select_related("version", "model").get(pk=int(body["object"]["id"]))
    said: Body = {"model_name": row.model.name, "version": str(row.version.version)}
    if body["action"] == "request.commented":
        return (COMMENTED,), {**said, "comment": body["comment"]}
    move = body["after"]["move"]
    if move["kind"] != "stage":
        return (), {}
    to = Stage(move["to"])
    return _names(ASKED_FOR, ASKED, to), {
        **said,
        "from_stage": move["from"],
        "to_stage": to,
        "comment": body["comment"],
    }


def _names(nearest: dict[Stage, str], common: str, to: Stage) -> tuple[str, ...]:
    return (nearest[to], common) if to in nearest else (common,)


def _place(body: Body) -> Body:
    number = body["object"]["id"].rpartition("/")[2]
    return {"model_name": body["object"]["label"].removesuffix(f" version {number}"), "version": number}


def message(event: str, webhook_id: str, at_ms: int, who: str, said: Body) -> str:
    """Return what is sent."""
    about = " ".join(part for part in (said.get("model_name"), said.get("version")) if part)
    text = f"{who}: {event.lower().replace('_', ' ')}, {about}"
    return json.dumps({"event": event, "webhook_id": webhook_id, "event_timestamp": at_ms, **said, "text": text})


def example(event: str) -> Body:
    """Return what a test says."""
    said: Body = {"model_name": "example_model", "version": "1"}
    if event not in STAGED:
        return said
    nearest = {name: stage for names in (MOVED_TO, ASKED_FOR) for stage, name in names.items()}
    return {**said, "from_stage": Stage.NONE, "to_stage": nearest.get(event, Stage.STAGING)}


def model_name(model_uuid: uuid.UUID) -> str:
    """Return the present name of the model a webhook is about."""
    return RegisteredModel.objects.values_list("name", flat=True).get(uuid=model_uuid)
