"""What a webhook is sent of an event of the ledger: MLflow's own words, or ours."""

import uuid
from typing import Any, cast

from registry import names
from registry.models import ModelTag

Body = dict[str, Any]
PROMPT_TEXT, PROMPT_TYPE = "mlflow.prompt.text", "_mlflow_prompt_type"
HIDDEN = frozenset({names.PROMPT_TAG, PROMPT_TYPE, PROMPT_TEXT})
ABOUT = ("id", "action", "outcome", "object", "model", "before", "after", "comment", "facts")
SAID_OF_ACTOR = ("kind", "name", "roles", "via")
EXAMPLE = {"name": "example_model", "version": "1"}


def ours(seq: int, body: Body) -> Body:
    """Return an event as Standard Webhooks carry it. Where the actor sat and by which token she came stays here."""
    said = {name: body[name] for name in ABOUT}
    actor = {name: body["actor"][name] for name in SAID_OF_ACTOR}
    return {"type": body["action"], "timestamp": body["at"], "data": {"seq": seq, "actor": actor, **said}}


def our_example(name: str, at: str) -> Body:
    """Return what a test sends."""
    return {"type": name, "timestamp": at, "data": {"test": True}}


def mlflow(event: str, at: str, data: Body) -> Body:
    """Return MLflow's envelope."""
    entity, _, action = event.partition(".")
    return {"entity": entity, "action": action, "timestamp": at.replace("Z", "+00:00"), "data": data}


def mlflow_of(body: Body) -> tuple[str, Body] | None:
    """Return MLflow's name of the event and its data, or None where MLflow has no such event."""
    make = MAKERS.get(body["action"])
    return make(body) if make else None


def _model_created(body: Body) -> tuple[str, Body]:
    tags = dict(body["after"]["tags"])
    data = {"name": body["object"]["label"], "tags": tags, "description": body["after"]["description"]}
    if _says_prompt(tags):
        return "prompt.created", {**data, "tags": _shown(tags)}
    return "registered_model.created", data


def _version_created(body: Body) -> tuple[str, Body]:
    after, facts = body["after"], body["facts"]
    tags = dict(after["tags"])
    said = {**_place(body), "description": after["description"] or None}
    if _says_prompt(tags):
        return "prompt_version.created", {**said, "template": tags.get(PROMPT_TEXT), "tags": _shown(tags)}
    return "model_version.created", {**said, "source": facts["source"], "run_id": facts["run_id"] or None, "tags": tags}


def _model_tag(body: Body) -> tuple[str, Body] | None:
    """MLflow tells of a prompt's tags, not of a model's."""
    if not _is_prompt(body):
        return None
    event, said = _tag(body)
    return f"prompt_tag.{event}", {"name": body["object"]["label"], **said}


def _version_tag(body: Body) -> tuple[str, Body]:
    event, said = _tag(body)
    entity = "prompt_version_tag" if _is_prompt(body) else "model_version_tag"
    return f"{entity}.{event}", {**_place(body), **said}


def _tag(body: Body) -> tuple[str, Body]:
    if body["after"]:
        ((key, value),) = body["after"].items()
        return "set", {"key": key, "value": value}
    return "deleted", {"key": next(iter(body["before"]))}


def _alias(body: Body) -> tuple[str, Body]:
    entity, place = ("prompt_alias" if _is_prompt(body) else "model_version_alias"), _place(body)
    if body["after"]:
        return f"{entity}.created", {
            "name": place["name"],
            "alias": body["after"]["alias"],
            "version": place["version"],
        }
    return f"{entity}.deleted", {"name": place["name"], "alias": body["before"]["alias"]}


def _place(body: Body) -> Body:
    """Return name and number of the version an event is about, from its id and label."""
    number = body["object"]["id"].rpartition("/")[2]
    return {"name": body["object"]["label"].removesuffix(f" version {number}"), "version": number}


def _says_prompt(tags: dict[str, str]) -> bool:
    return tags.get(names.PROMPT_TAG, "").lower() == "true"


def _shown(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in HIDDEN}


def _is_prompt(body: Body) -> bool:
    model = uuid.UUID(cast("str", body["model"]))
    return ModelTag.objects.filter(model__uuid=model, key=names.PROMPT_TAG, value__iexact="true").exists()


MAKERS = {
    "model.created": _model_created,
    "version.registered": _version_created,
    "model.tag.set": _model_tag,
    "model.tag.deleted": _model_tag,
    "version.tag.set": _version_tag,
    "version.tag.deleted": _version_tag,
    "alias.set": _alias,
    "alias.deleted": _alias,
}
_MODEL = {
    "name": "example_model",
    "tags": {"example_key": "example_value"},
    "description": "An example registered model",
}
_VERSION = {**EXAMPLE, "tags": {"example_key": "example_value"}, "description": "An example model version"}
_KEY = {"key": "example_key"}
_SET = {**_KEY, "value": "example_value"}
_POINTS = {"alias": "example_alias"}
_PROMPT = {"name": "example_prompt"}
_BUDGET: Body = {
    "budget_policy_id": "bp-abc123",
    "budget_unit": "USD",
    "budget_amount": 100.0,
    "current_spend": 105.5,
    "duration_unit": "MONTHS",
    "duration_value": 1,
    "target_scope": "ENDPOINT",
    "workspace": "default",
    "target_value": "ep-abc123",
    "window_start": 1704067200000,
}
# What MLflow's own server sends when a webhook is tested.
EXAMPLES: dict[str, Body] = {
    "registered_model.created": _MODEL,
    "model_version.created": {**_VERSION, "source": "models:/123", "run_id": "abcd1234abcd5678"},
    "model_version_tag.set": {**EXAMPLE, **_SET},
    "model_version_tag.deleted": {**EXAMPLE, **_KEY},
    "model_version_alias.created": {**EXAMPLE, **_POINTS},
    "model_version_alias.deleted": {"name": "example_model", **_POINTS},
    "prompt.created": {**_MODEL, **_PROMPT, "description": "An example prompt"},
    "prompt_version.created": {
        **_VERSION,
        **_PROMPT,
        "template": "Hello {{name}}!",
        "description": "An example prompt version",
    },
    "prompt_tag.set": {**_PROMPT, **_SET},
    "prompt_tag.deleted": {**_PROMPT, **_KEY},
    "prompt_version_tag.set": {**EXAMPLE, **_PROMPT, **_SET},
    "prompt_version_tag.deleted": {**EXAMPLE, **_PROMPT, **_KEY},
    "prompt_alias.created": {**EXAMPLE, **_PROMPT, **_POINTS},
    "prompt_alias.deleted": {**_PROMPT, **_POINTS},
    "budget_policy.exceeded": _BUDGET,
}
