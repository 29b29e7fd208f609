"""Alerts of an endpoint: what fires and what did, the word of whoever looked, and the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actors import Actor
from core.checked_yaml import normal
from core.refusals import Invalid
from core.strict_yaml import Problem
from deployments import endpoints
from deployments.alerts import book, looking
from deployments.alerts.documents import BadAlerts, Rule, Then, in_words
from deployments.models import Alert, Endpoint
from web.actors import actor_of
from web.pages.forms import Form, posted
from web.pages.needed import needed
from web.pages.policy_words import numbered

SHOWN = 50
START = """type: signoff.alerts/1
rules:
  - alert: slow
    about: Callers wait longer than they were promised.
    when: {metric: p95_ms, above: 300, over: 5m, requests: 50}
  - alert: errors-burn
    about: At this rate the errors of a month are used up in two days.
    when: {burn_rate: 14.4, objective_pct: 99.9, over: 1h}
    then: roll_back
    runbook: https://runbooks.example.org/errors
  - alert: nobody-asks
    when: {no_requests_for: 30m}
  - alert: labels-stay-away
    when: {coverage_below_pct: 50, after: 24h, over: 24h}
  - alert: callers-changed
    when: {drift: major}
    then: review
"""
LOOKS = {
    Then.NOTIFY: ("warn", "bell"), Then.FREEZE: ("warn", "lock"), Then.REVIEW: ("warn", "user"),
    Then.ROLL_BACK: ("bad", "rotate-ccw"),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """An alert as its place shows it; `form` where the person may say what she found."""

    alert: Alert
    form: Form | None = None

    @property
    def does(self) -> str:
        """What it does beside telling, as a sentence."""
        return Then(self.alert.then).words


@never_cache
@require_GET
def alerts(request: HttpRequest, name: str) -> HttpResponse:
    """Show what fires, what fired, and the rules in words."""
    actor = actor_of(request)
    return _page(request, endpoints.find_endpoint(name, actor=actor), actor)


def _page(
    request: HttpRequest, found: Endpoint, actor: Actor, *, refused: tuple[int, Form] | None = None
) -> HttpResponse:
    rows = list(looking.alerts_of(found)[:SHOWN])
    now = [_line(row, actor, refused) for row in rows if row.ended_at is None or looking.waits(row)]
    written = book.book_of(found)
    context = {
        "endpoint": found,
        "now": now,
        "before": [Line(row) for row in rows if row.ended_at and not looking.waits(row)],
        "rules": rows_of(book.rules_of(found)),
        "book": written,
        "may_change": actor.holds(found.environment.permission),
        "errors": refused[1].errors if refused else [],
    }
    return render(request, "endpoints/alerts.html", context, status=400 if refused else 200)


def _line(alert: Alert, actor: Actor, refused: tuple[int, Form] | None) -> Line:
    if alert.seen_at or not looking.may_acknowledge(alert, actor=actor):
        return Line(alert)
    return Line(alert, refused[1] if refused and refused[0] == alert.pk else Form(comment=""))


def rows_of(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Return the rules as their table shows them."""
    return [
        {
            "rule": rule,
            "when": str(rule.when),
            "does": rule.then.words,
            "look": LOOKS[rule.then],
            "calm": in_words(rule.calm_for),
        }
        for rule in rules
    ]


@require_POST
def acknowledge(request: HttpRequest, name: str, alert_id: int) -> HttpResponse:
    """Take the word of whoever looked at an alert; a refusal shows the page again with what was typed."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    form = Form(comment=posted(request, "comment"))
    try:
        alert = looking.acknowledge(found, alert_id, comment=str(form["comment"].value), actor=actor)
    except Invalid as why:
        form.blame(why)
        return _page(request, found, actor, refused=(alert_id, form))
    messages.success(request, f"You looked at {alert.rule}. It is over once nothing fires any more.")
    return HttpResponseRedirect(f"/endpoints/{found.name}/alerts")


@require_http_methods(["GET", "POST"])
def rules(request: HttpRequest, name: str) -> HttpResponse:
    """Change the alert rules; a wrong text is shown again with what is wrong at each line."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    written = book.book_of(found)
    if request.method == "GET":
        return _editor(request, found, actor, written.text if written else START)
    text = normal(request.POST.get("text", ""))
    try:
        book.write_rules(found, text, actor=actor)
    except BadAlerts as why:
        return _editor(request, found, actor, text, why.problems)
    messages.success(request, "These rules hold from now on.")
    return HttpResponseRedirect(f"/endpoints/{found.name}/alerts")


def _editor(
    request: HttpRequest, found: Endpoint, actor: Actor, text: str, problems: Sequence[Problem] = ()
) -> HttpResponse:
    notes = {problem.line: problem.message for problem in reversed(problems)}
    permission = found.environment.permission
    context = {
        "endpoint": found,
        "text": text,
        "errors": [{"field": f"line-{one.line}", "message": f"L{str(one)[1:]}"} for one in problems],
        "lines": numbered(text, notes) if notes else [],
        "is_new": book.book_of(found) is None,
        "needed": None if actor.holds(permission) else needed(permission),
    }
    return render(request, "endpoints/alert_rules.html", context, status=400 if problems else 200)
