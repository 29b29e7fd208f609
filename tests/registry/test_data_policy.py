"""What may be told of callers' values: a setting of each model, told in the ledger."""

import json
from typing import Any

import pytest

from accounts.actors import Actor
from audit.models import Event
from core.refusals import Denied, Invalid
from registry import data_policy, registered
from registry.data_policy import DataPolicy, policy_of, salt_of
from tests.factories import make_model

pytestmark = pytest.mark.django_db


def test_a_model_of_which_nothing_was_said_tells_all(dana: Actor) -> None:
    assert policy_of(make_model(dana)) == DataPolicy(100.0, (), ())


def test_a_policy_is_told_in_the_ledger_once(dana: Actor) -> None:
    model = make_model(dana)
    for _ in range(2):
        model = registered.update_model(
            model, actor=dana, data_policy={"share_pct": 20, "dropped": ["iban", "iban"], "hashed": ["city"]}
        )
    assert policy_of(model) == DataPolicy(20.0, ("iban",), ("city",))
    event = json.loads(bytes(Event.objects.get(action="model.updated").body))
    assert event["after"] == {"data_policy": {"share_pct": 20.0, "dropped": ["iban"], "hashed": ["city"]}}


def test_only_who_may_change_the_model_says_what_is_told(dana: Actor, rita: Actor) -> None:
    with pytest.raises(Denied):
        registered.update_model(make_model(dana), actor=rita, data_policy={"share_pct": 100})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "an object"),
        ({"columns": ["iban"]}, "an object with share_pct, dropped and hashed"),
        ({"share_pct": 101}, "from 0 to 100"),
        ({"share_pct": True}, "from 0 to 100"),
        ({"share_pct": float("nan")}, "from 0 to 100"),
        ({"dropped": "iban"}, "dropped is a list"),
        ({"dropped": [""]}, "in dropped is a text"),
        ({"hashed": [1]}, "in hashed is a text"),
        ({"hashed": ["x" * 251]}, "of 1 to 250 characters"),
        ({"hashed": [str(n) for n in range(1_001)]}, "1,000 columns at most"),
        ({"dropped": ["iban"], "hashed": ["iban"]}, "iban cannot be both"),
    ],
)
def test_what_is_no_policy_is_refused_in_words(said: Any, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        data_policy.checked(said)


def test_each_model_has_a_secret_of_its_own(dana: Actor) -> None:
    one, other = make_model(dana, "One"), make_model(dana, "Other")
    assert salt_of(one) == salt_of(one) != salt_of(other)
