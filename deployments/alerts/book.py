"""The alert rules of an endpoint: written as one text, changed as a whole, told in the ledger."""

from django.db import transaction

from accounts.actors import Actor
from accounts.policy import require
from audit.record import Change, record
from core import clock
from core.checked_yaml import normal
from deployments.alerts.documents import Rule, parse
from deployments.endpoints import endpoint_subject
from deployments.models import Alert, AlertBook, Endpoint


def rules_of(endpoint: Endpoint) -> tuple[Rule, ...]:
    """Return the rules that hold; none where nobody wrote any."""
    book = book_of(endpoint)
    return parse(book.text) if book else ()


def book_of(endpoint: Endpoint) -> AlertBook | None:
    """Return the rules as they were written, and by whom."""
    return AlertBook.objects.select_related("changed_by").filter(endpoint=endpoint).first()


def write_rules(endpoint: Endpoint, text: str, *, actor: Actor) -> AlertBook:
    """Make `text` the endpoint's rules; the same again changes nothing. Alerts of rules that it lacks end.

    Raises Denied without the environment's permission, BadAlerts with what is wrong at each line.
    """
    about = endpoint_subject(endpoint)
    require(actor, endpoint.environment.permission, f"change the alert rules of {endpoint}", about=about)
    text = normal(text)
    rules = parse(text)
    with transaction.atomic():
        Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        book = book_of(endpoint)
        if book and book.text == text:
            return book
        before: dict[str, object] = {"rules": book.text} if book else {}
        moment = clock.now()
        row, _ = AlertBook.objects.update_or_create(
            endpoint=endpoint, defaults={"text": text, "changed_by": actor.person, "changed_at": moment}
        )
        record("alert.rules.changed", about, actor=actor, change=Change(before, {"rules": text}))
        for alert in Alert.objects.filter(endpoint=endpoint, ended_at=None).exclude(
            rule__in=[one.name for one in rules]
        ):
            end(alert, "Its rule was taken away.", actor=actor)
    return row


def end(alert: Alert, why: str, *, actor: Actor) -> None:
    """End an alert, inside a transaction."""
    alert.ended_at = clock.now()
    alert.save(update_fields=["ended_at"])
    told: dict[str, object] = {"alert": alert.rule, "since": clock.iso(alert.began_at)}
    record("alert.ended", endpoint_subject(alert.endpoint), actor=actor, change=Change({}, told, why))
