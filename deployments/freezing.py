"""What keeps a rollout from starting and growing: a freeze of the policies, an alert. It goes back at any time."""

from dataclasses import dataclass
from datetime import datetime

from core import clock
from deployments.alerts import looking
from deployments.models import Endpoint, Rollout
from deployments.states import RolloutState, StepStatus
from registry import freezes

RAISES = frozenset({"route", "watch", "gate"})  # what such a step waits for gives more requests to the version


@dataclass(frozen=True)
class Standstill:
    """Why nothing grows, as a sentence, and until when that is known to last."""

    words: str
    until: datetime


def frozen(rollout: Rollout) -> Standstill | None:
    """Return what keeps the rollout from starting or growing now, or None. What goes back is never kept."""
    if rollout.kind != Rollout.Kind.DEPLOY:
        return None
    place, now = rollout.endpoint, clock.now()
    if freeze := freezes.over_deployment(place.model, place.environment.name, rollout.plan, rollout.request, now):
        return Standstill(freeze.words, freeze.end)
    return _alerted(place, now)


def _alerted(endpoint: Endpoint, now: datetime) -> Standstill | None:
    words = looking.kept_words(endpoint)
    return Standstill(words, now) if words else None


def frozen_words(rollout: Rollout) -> str:
    """Return why the rollout may not start or grow now, or an empty string."""
    found = frozen(rollout)
    return found.words if found else ""


def waits(rollout: Rollout) -> str:
    """Return why the rollout waits now, where a freeze is what it waits for, or an empty string."""
    if rollout.state == RolloutState.RUNNING:
        step = rollout.steps.exclude(status=StepStatus.DONE).first()
        if step is None or step.name not in RAISES:
            return ""
    elif rollout.state != RolloutState.QUEUED:
        return ""
    return frozen_words(rollout)


def over_endpoint(endpoint: Endpoint) -> str:
    """Return that what is started at the endpoint now waits, and until when, or an empty string."""
    asked = {"strategy": "canary", "shares": [1]}  # whatever it begins with: the least that a policy can be for
    found = freezes.over_deployment(endpoint.model, endpoint.environment.name, asked, None, clock.now())
    return found.words if found else looking.kept_words(endpoint)
