"""Which events a webhook can ask for: MLflow's, by their own names, and the ledger's, by pattern."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from audit.catalogue import EVENTS
from core.refusals import Invalid

PATTERNS_MAX = 50
# Entity and its actions, as MLflow's clients know them. A budget belongs to MLflow's gateway: it is taken, never sent.
MLFLOW: dict[str, tuple[str, ...]] = {
    "registered_model": ("created",),
    "model_version": ("created",),
    "model_version_tag": ("set", "deleted"),
    "model_version_alias": ("created", "deleted"),
    "prompt": ("created",),
    "prompt_version": ("created",),
    "prompt_tag": ("set", "deleted"),
    "prompt_version_tag": ("set", "deleted"),
    "prompt_alias": ("created", "deleted"),
    "budget_policy": ("exceeded",),
}
ACTIONS = ("created", "updated", "deleted", "set", "exceeded")


def mlflow_event(entity: str, action: str) -> str:
    """Return `entity.action`, given as MLflow's enums spell them; raise Invalid for words that are none."""
    wanted, deed = entity.lower(), action.lower()
    if not entity.isupper() or wanted not in MLFLOW:
        raise Invalid(
            f"Invalid value '{entity[:80]}' for parameter 'entity' supplied: it is no entity.", field="events"
        )
    if not action.isupper() or deed not in ACTIONS:
        raise Invalid(
            f"Invalid value '{action[:80]}' for parameter 'action' supplied: it is no action.", field="events"
        )
    if deed not in MLFLOW[wanted]:
        raise Invalid(
            f"Invalid action '{deed}' for entity '{wanted}'. Valid actions are: {sorted(MLFLOW[wanted])}",
            field="events",
        )
    return f"{wanted}.{deed}"


def check_patterns(patterns: Iterable[str]) -> list[str]:
    """Return the patterns without repeats; raise Invalid for none, too many, or one that no event can match."""
    found = list(dict.fromkeys(pattern.strip() for pattern in patterns if pattern.strip()))
    if not found or len(found) > PATTERNS_MAX:
        raise Invalid(
            f"Choose from 1 to {PATTERNS_MAX} events, such as version.stage.changed or rollout.*", field="events"
        )
    for pattern in found:
        if not any(fnmatchcase(name, pattern) for name in EVENTS):
            raise Invalid(f"No event is called {pattern[:80]}; docs/reference/events.md lists them.", field="events")
    return found


def wanted(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of `patterns` matches `name`."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def first_of(patterns: Iterable[str]) -> str:
    """Return an event that the first of `patterns` stands for, for a test; a name of MLflow is taken as it is."""
    return next((name for pattern in patterns for name in EVENTS if fnmatchcase(name, pattern)), next(iter(patterns)))
