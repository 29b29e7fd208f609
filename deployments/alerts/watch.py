"""Looks at all alert rules in turn: begins alerts, ends them, and does what they are for. Two at once are harmless."""

from django.db import transaction

from accounts.actors import SYSTEM, Via, person
from audit.record import Change, record
from core import clock
from core.refusals import Refusal
from deployments import rollouts
from deployments.alerts.book import end
from deployments.alerts.conditions import Sight, look
from deployments.alerts.documents import Rule, Then, parse
from deployments.endpoints import endpoint_subject, serving
from deployments.models import Alert, AlertBook, Endpoint, Rollout
from deployments.states import LIVE, RolloutState

TO_DO = ""  # of Alert.did


def look_at_all() -> int:
    """Look at each rule of each endpoint; return how many alerts there are. What was begun and not done is done now."""
    books = AlertBook.objects.select_related("endpoint__environment", "endpoint__model")
    for book in books:
        for rule in parse(book.text):
            _settle(book.endpoint, rule, look(rule.when, book.endpoint))
    for alert in Alert.objects.filter(then=Then.ROLL_BACK, did=TO_DO).select_related("endpoint__environment"):
        _send_back(alert)
    return Alert.objects.filter(ended_at=None).count()


def _settle(endpoint: Endpoint, rule: Rule, seen: Sight) -> None:
    """Begin the rule's alert, keep it, or end it once nothing fired for as long as the rule says."""
    with transaction.atomic():
        Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        alert = Alert.objects.filter(endpoint=endpoint, rule=rule.name, ended_at=None).first()
        if seen.fires and alert is None:
            _begin(endpoint, rule, seen)
        elif seen.fires and alert:
            Alert.objects.filter(pk=alert.pk).update(fired_at=clock.now())
        elif alert and clock.now() - alert.fired_at >= rule.calm_for:
            end(alert, seen.words or "Too little is asked to say more.", actor=SYSTEM)


def _begin(endpoint: Endpoint, rule: Rule, seen: Sight) -> None:
    row = Alert.objects.create(
        endpoint=endpoint,
        rule=rule.name,
        then=rule.then,
        about=rule.about,
        runbook=rule.runbook,
        words=seen.words[:500],
        value=seen.value,
    )
    told: dict[str, object] = {
        "alert": row.rule, "then": row.then, "value": row.value, "about": row.about, "runbook": row.runbook,
    }  # fmt: skip
    record("alert.fired", endpoint_subject(endpoint), actor=SYSTEM, change=Change({}, told, row.words))


def _send_back(alert: Alert) -> None:
    """Send back what grows at the endpoint, else what serves there; say what came of it. Once an alert."""
    try:
        did = _did(alert)
    except Refusal as why:
        did = f"Nothing was sent back: {why.sentence}"
    Alert.objects.filter(pk=alert.pk).update(did=did[:500])


def _did(alert: Alert) -> str:
    endpoint, why = alert.endpoint, f"alert {alert.rule}: {alert.words}"
    live = endpoint.rollouts.filter(state__in=LIVE).first()
    if live is not None:
        return _abort(live, why)
    serves = serving(endpoint)
    if serves is None or serves.kind != Rollout.Kind.DEPLOY:
        return "Nothing was sent back: what serves came by a rollback, so a person has to look."
    book = AlertBook.objects.get(endpoint=endpoint)
    went = rollouts.roll_back(endpoint, reason=why, actor=person(book.changed_by, Via.ALERT))
    return f"Rolled back to v{went.version.version} by deployment #{went.pk}."


def _abort(live: Rollout, why: str) -> str:
    with transaction.atomic():
        row = rollouts.lock(live)
        if row.state != RolloutState.RUNNING or row.kind != Rollout.Kind.DEPLOY:
            return f"Nothing was sent back: deployment #{row.pk} is {row.get_state_display().lower()}."
        rollouts.send_back(row, why=why[:500], actor=SYSTEM)
    return f"Sent deployment #{row.pk} back."
