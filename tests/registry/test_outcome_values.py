"""What outcomes are worth: a setting of each model, told in the ledger."""

import json
from typing import Any

import pytest

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Denied, Invalid
from monitoring.stats.quality import value
from monitoring.stats.told import Told
from registry import outcome_values, registered
from registry.outcome_values import values_of
from tests.factories import make_model

pytestmark = pytest.mark.django_db
LOST = {"truth": "1", "said": "0", "value": -500}
WON = {"truth": "1", "said": "1", "value": 40}


def test_it_is_kept_in_order_and_told_once(dana: Actor) -> None:
    model = make_model(dana)
    assert values_of(model) == {}
    for _ in "ab":
        model = registered.update_model(model, actor=dana, outcome_values=[WON, LOST])
    assert values_of(model) == {("1", "0"): -500.0, ("1", "1"): 40.0}
    (event,) = Event.objects.filter(action="model.updated")
    assert json.loads(bytes(event.body))["after"] == {
        "outcome_values": [{**LOST, "value": -500.0}, {**WON, "value": 40.0}]
    }


def test_who_may_not_write_the_model_may_not_say_it(dana: Actor, people: dict[str, Actor]) -> None:
    with pytest.raises(Denied):
        registered.update_model(make_model(dana), actor=people["rita"], outcome_values=[LOST])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "a list"),
        ([LOST] * 401, "400 cells at most"),
        ([LOST, {**LOST, "value": 1}], "there twice"),
        ([{"truth": "1", "value": 1}], "truth, said, value"),
        ([{**LOST, "truth": 1}], "truth is a class"),
        ([{**LOST, "said": "x" * 65}], "said is a class"),
        ([{**LOST, "value": float("nan")}], "value is a number"),
        ([{**LOST, "value": True}], "value is a number"),
    ],
)
def test_what_is_none_is_refused_at_its_field(said: Any, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        outcome_values.checked(said)
    assert refused.value.field == "outcome_values"


def test_the_mean_value_of_a_row_has_an_interval() -> None:
    told = Told()
    for truth, said in [(1, 1)] * 90 + [(1, 0)] * 2 + [(0, 0)] * 8:
        told.label(said, truth, None, 1.0)
    found = value(told, {("1", "1"): 40.0, ("1", "0"): -500.0})
    assert found
    assert found.value == pytest.approx((90 * 40 - 2 * 500) / 100)
    low, high = found.low or 0.0, found.high or 0.0
    assert low < found.value < high
    assert found.value - low == pytest.approx(high - found.value)
    assert value(told, {}) is None
