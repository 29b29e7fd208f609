"""Delegation by own REST: one hop, with an end, held to the same rules as on its page."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.actors import Actor
from accounts.permissions import Scope
from core import clock
from registry import decisions
from registry.models import Decision
from tests.factories import ask_production, make_model, make_version
from tests.web.rest.test_rest import Caller

pytestmark = pytest.mark.django_db


def until(**span: Any) -> str:
    return clock.iso(clock.now() + timedelta(**span))


def test_somebody_is_named_seen_and_taken_back(rita: Actor, rob: Actor, dana: Actor) -> None:
    call, deputy = Caller(rita, *Scope), Caller(rob, *Scope)
    assert call("GET", "delegation").json() == {"given": None, "received": []}
    given = call("POST", "delegation", to="rob", ends_at=until(days=2), reason="away")
    assert (given.status_code, given.json()["person"], given.json()["to"]) == (201, "rita", "rob")
    assert deputy("GET", "delegation").json()["received"] == [given.json()]
    request = ask_production(make_version(make_model(dana), dana), dana)
    choice = decisions.Choice(decisions.Verdict.APPROVE, request.subject_digest, "fine")
    assert isinstance(decisions.decide(request, choice, actor=rob), Decision)
    for _ in range(2):
        assert call("DELETE", "delegation").status_code == 204
    assert call("GET", "delegation").json()["given"] is None


@pytest.mark.parametrize(
    ("to", "span", "field"),
    [
        ("dana", {"days": 1}, "to"),
        ("rita", {"days": 1}, "to"),
        ("rob", {"days": 31}, "ends_at"),
        ("rob", {"days": -1}, "ends_at"),
    ],
)
def test_nobody_else_and_no_other_time(people: dict[str, Actor], to: str, span: dict[str, int], field: str) -> None:
    answer = Caller(people["rita"], *Scope)("POST", "delegation", to=to, ends_at=until(**span), reason="away")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_it_takes_the_scope_that_decides(rita: Actor, rob: Actor) -> None:
    answer = Caller(rita)("POST", "delegation", to="rob", ends_at=until(days=1), reason="away")
    assert answer.status_code == 403
