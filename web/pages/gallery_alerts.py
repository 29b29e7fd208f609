"""Made-up alerts that the gallery shows."""

from typing import Any

from accounts.models import User
from core.strict_yaml import Problem
from deployments.alerts.documents import BadAlerts, Then, parse
from deployments.models import Alert, AlertBook
from web.pages import alerts
from web.pages.alerts import START, Line
from web.pages.forms import Form
from web.pages.gallery_stock import Context, at
from web.pages.policy_words import numbered

OLGA, RITA = User(username="olga"), User(username="rita")
RUNBOOK = "https://runbooks.example.org/errors"


def _alert(rule: str, then: Then, words: str, **more: Any) -> Alert:
    return Alert(pk=len(words), rule=rule, then=then, words=words, began_at=at(24, 14, 31, 0), **more)


SLOW = _alert("slow", Then.FREEZE, "p95_ms of canary v7 is 512 ms over 5 minutes, above 300.", runbook=RUNBOOK)
SEEN = _alert(
    "callers-changed", Then.REVIEW, "age of v6 and 2 more drifted since 2026-11-21, by 0.254.", seen_by=RITA,
    seen_at=at(24, 14, 40, 0), seen_comment="A campaign in Zürich; the model was trained for it.",
)  # fmt: skip
WAITS = _alert(
    "callers-changed", Then.REVIEW, "city of v6 drifted since 2026-11-19, by 0.211.", ended_at=at(24, 14, 50, 0)
)
BURNT = _alert(
    "errors-burn", Then.ROLL_BACK,
    "Errors use up the 0.1 % that 99.9 % allows 31.2 times as fast as it lasts, over 1 hour; 14.4 times is the bound.",
    runbook=RUNBOOK, about="At this rate the errors of a month are used up in two days.", ended_at=at(24, 14, 58, 0),
    did="Rolled back to v6 by deployment #12.", seen_by=OLGA, seen_at=at(24, 14, 45, 0),
    seen_comment="The new preprocessing divides by zero.",
)  # fmt: skip
BOOK = AlertBook(text=START, changed_by=OLGA, changed_at=at(20, 9, 0, 0))


def pages(endpoint: Context) -> dict[str, Context]:
    """Return the states of an endpoint's alerts."""
    usual: Context = {
        "endpoint": endpoint, "book": BOOK, "rules": alerts.rows_of(parse(START)), "may_change": True, "now": [],
        "before": [Line(BURNT)],
    }  # fmt: skip
    return {
        "fires": {**usual, "now": [Line(SLOW, Form(comment="")), Line(SEEN)]},
        "waits for a reviewer": {**usual, "may_change": False, "now": [Line(WAITS)]},
        "calm": usual,
        "nothing yet": {**usual, "book": None, "rules": [], "before": []},
        "nothing yet, reader": {**usual, "book": None, "rules": [], "before": [], "may_change": False},
    }


def editors(endpoint: Context, needed: Context) -> dict[str, Context]:
    """Return the states of the editor of the rules."""
    usual: Context = {"endpoint": endpoint, "text": START, "is_new": True}
    wrong = START.replace("above: 300", "above: much").replace("then: review", "then: panic")
    problems = _problems(wrong)
    at_lines = [{"field": f"line-{one.line}", "message": str(one)} for one in problems]
    notes = {one.line: one.message for one in problems}
    return {
        "examples": usual,
        "wrong": {**usual, "text": wrong, "errors": at_lines, "lines": numbered(wrong, notes)},
        "reader": {**usual, "needed": needed},
    }


def _problems(text: str) -> list[Problem]:
    try:
        parse(text)
    except BadAlerts as why:
        return why.problems
    return []
