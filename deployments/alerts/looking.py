"""Reads alerts, keeps what they stand against, and takes the word of whoever looked at one."""

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import require
from audit.record import Change, record
from core import clock
from core.refusals import Conflict, Invalid, NotFound
from core.words import written
from deployments.alerts.documents import Then
from deployments.endpoints import endpoint_subject, endpoints_visible_to
from deployments.models import Alert, Endpoint
from registry import access

LONGEST = 2_000  # characters of a comment
KEEPS = Q(then=Then.FREEZE, ended_at=None) | Q(then=Then.REVIEW, seen_at=None)


def alerts_of(endpoint: Endpoint) -> QuerySet[Alert]:
    """Return the endpoint's alerts, the newest first."""
    return Alert.objects.filter(endpoint=endpoint).select_related("seen_by").order_by("-began_at", "-pk")


def firing(endpoint: Endpoint) -> list[Alert]:
    """Return the alerts that are not over, the newest first."""
    return list(alerts_of(endpoint).filter(ended_at=None))


def waits(alert: Alert) -> bool:
    """Whether a reviewer has to look at it, over or not."""
    return alert.then == Then.REVIEW and alert.seen_at is None


def kept_words(endpoint: Endpoint) -> str:
    """Return why nothing may grow at the endpoint now, as a sentence, or an empty string."""
    alert = Alert.objects.filter(KEEPS, endpoint=endpoint).order_by("began_at").first()
    if alert is None:
        return ""
    until = "it is over" if alert.then == Then.FREEZE else "a reviewer has looked at it"
    return f"The alert {alert.rule} lets nothing grow until {until}: {alert.words}"


def for_reviewers(actor: Actor) -> QuerySet[Alert]:
    """Return the alerts that wait for a word that the actor may say."""
    if not actor.holds(Permission.REQUEST_DECIDE):
        return Alert.objects.none()
    return Alert.objects.filter(then=Then.REVIEW, seen_at=None, endpoint__in=endpoints_visible_to(actor).order_by())


def may_acknowledge(alert: Alert, *, actor: Actor) -> bool:
    """Whether the actor may say that she looked: of what waits for a reviewer a reviewer, else who works on it too."""
    if alert.then == Then.REVIEW or actor.holds(Permission.REQUEST_DECIDE):
        return actor.holds(Permission.REQUEST_DECIDE)
    place = alert.endpoint
    return actor.holds(place.environment.permission) or access.may(actor, Permission.MODEL_WRITE, place.model)


def acknowledge(endpoint: Endpoint, key: int, *, comment: str, actor: Actor) -> Alert:
    """Say that somebody looked at an alert, and what she found. It goes on until nothing fires any more.

    Raises NotFound for another's alert, Denied, Conflict where somebody looked already, Invalid without a comment.
    """
    about = endpoint_subject(endpoint)
    with transaction.atomic():
        Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        alert = alerts_of(endpoint).filter(pk=key).first()
        if alert is None:
            raise NotFound(f"There is no alert {key} at {endpoint}.")
        if not may_acknowledge(alert, actor=actor):
            needs = Permission.REQUEST_DECIDE if alert.then == Then.REVIEW else endpoint.environment.permission
            require(actor, needs, f"acknowledge alerts of {endpoint}", about=about)
        if alert.seen_by:
            raise Conflict(f"{alert.seen_by.username} looked at it already.")
        if not written(comment) or len(comment) > LONGEST:
            raise Invalid(f"Say in 1 to {LONGEST:,} characters what you found.", field="comment")
        alert.seen_by, alert.seen_at, alert.seen_comment = actor.person, clock.now(), written(comment)
        alert.save(update_fields=["seen_by", "seen_at", "seen_comment"])
        told: dict[str, object] = {"alert": alert.rule, "since": clock.iso(alert.began_at)}
        record("alert.acknowledged", about, actor=actor, change=Change({}, told, alert.seen_comment))
    return alert
