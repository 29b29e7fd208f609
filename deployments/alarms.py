"""Tells the ledger of features that began to drift, and of who looked at it; webhooks and mail follow it."""

from django.db import transaction

from accounts.actors import SYSTEM, Actor
from accounts.permissions import Permission
from accounts.policy import require
from audit.record import Change, record
from core.refusals import Conflict, Invalid, NotFound
from deployments.endpoints import endpoint_subject
from deployments.models import Endpoint
from monitoring import drift
from monitoring.models import Feature
from monitoring.stats.profiles import severity_of
from registry import access

LONGEST = 2_000  # characters of a comment


def tell() -> int:
    """Tell of each alarm once; return how many. After a crash one may be told again, and none is lost."""
    found = drift.untold()
    rows = Endpoint.objects.select_related("model", "environment").filter(name__in={row.endpoint for row in found})
    endpoints = {row.name: row for row in rows}
    for feature in found:
        if feature.endpoint in endpoints:
            _tell(endpoints[feature.endpoint], feature)
        drift.mark_told(feature)
    return len(found)


def _tell(endpoint: Endpoint, feature: Feature) -> None:
    distance = feature.distance or 0.0
    told: dict[str, object] = {
        "feature": feature.name, "version": feature.version, "since": str(feature.alarm_since),
        "signal": feature.signal, "distance": round(distance, 4), "severity": str(severity_of(distance)),
    }  # fmt: skip
    with transaction.atomic():
        facts: dict[str, object] = {"reference": feature.digest}
        record("feature.drifted", endpoint_subject(endpoint), actor=SYSTEM, change=Change(after=told, facts=facts))


def may_acknowledge(endpoint: Endpoint, *, actor: Actor) -> bool:
    """Whether the actor may say that she looked at an alarm: who changes the model, or deploys to the endpoint."""
    return actor.holds(endpoint.environment.permission) or access.may(actor, Permission.MODEL_WRITE, endpoint.model)


def acknowledge(endpoint: Endpoint, version: str, name: str, *, comment: str, actor: Actor) -> None:
    """Say that somebody looked at a feature's alarm, with what she found; it stays one until a day is as it should be.

    Raises Conflict where there is no alarm or somebody looked at it already.
    """
    if not may_acknowledge(endpoint, actor=actor):
        about = endpoint_subject(endpoint)
        require(actor, endpoint.environment.permission, f"acknowledge drift at {endpoint.name}", about=about)
    feature = Feature.objects.filter(endpoint=endpoint.name, version=version, name=name).first()
    if feature is None:
        raise NotFound(f"Nothing is counted of a feature {name[:60]!r} of version {version[:20]!r}.")
    if feature.alarm_since is None:
        raise Conflict(f"{name} has not drifted, or no longer does.")
    if feature.is_acknowledged:
        raise Conflict(f"{feature.seen_by} looked at it already.")
    if not 0 < len(comment) <= LONGEST:
        raise Invalid(f"Say in 1 to {LONGEST:,} characters what you found.", field="comment")
    told: dict[str, object] = {"feature": name, "version": version, "since": str(feature.alarm_since)}
    with transaction.atomic():
        record("feature.acknowledged", endpoint_subject(endpoint), actor=actor, change=Change({}, told, comment))
    drift.mark_seen(feature, by=actor.name, comment=comment)
