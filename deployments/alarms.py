"""Tells the ledger of features that began to drift; webhooks and mail follow it."""

from django.db import transaction

from accounts.actors import SYSTEM
from audit.record import Change, record
from deployments.endpoints import endpoint_subject
from deployments.models import Endpoint
from monitoring import drift
from monitoring.models import Feature
from monitoring.stats.profiles import severity_of


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
