"""A feature that begins to drift is told once, by the ledger and whoever follows it."""

import json
import random

import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from deployments import alarms
from deployments.models import Endpoint
from monitoring import drift
from monitoring.models import Feature
from tests.factories import count_feature

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("dana")]
RNG = random.Random(2)
USUAL = [RNG.gauss(40, 10) for _ in range(1_000)]
MOVED = [value + 8 for value in USUAL]


def told() -> list[Event]:
    return list(Event.objects.filter(action="feature.drifted"))


def test_an_alarm_is_told_once_and_the_next_one_again(staging: Endpoint, eli: Actor) -> None:
    feature = count_feature(staging.name, "2", "age", USUAL, MOVED, MOVED)
    assert alarms.tell() == 0, "nothing is judged yet"
    drift.judge_due()
    assert [alarms.tell(), alarms.tell()] == [1, 0]
    (event,) = told()
    assert event.model_uuid == staging.model.uuid, "who may not see the model does not see its features"
    said = json.loads(bytes(event.body))["after"]
    assert (said["feature"], said["version"], said["severity"]) == ("age", "2", "major")
    assert said["since"] == str(drift.date_of(drift.day_of(clock.now()) - 1))
    Feature.objects.filter(pk=feature.pk).update(alarm_since=clock.now().date())
    assert alarms.tell() == 1
    assert len(told()) == 2


def test_an_alarm_that_could_not_be_told_is_told_later(staging: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    count_feature(staging.name, "2", "age", USUAL, MOVED, MOVED)
    drift.judge_due()
    with monkeypatch.context() as broken:
        broken.setattr(alarms, "record", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            alarms.tell()
    assert alarms.tell() == 1


def test_an_endpoint_that_is_no_more_holds_nothing_up() -> None:
    count_feature("gone", "2", "age", USUAL, MOVED, MOVED)
    drift.judge_due()
    assert [alarms.tell(), alarms.tell()] == [1, 0]
    assert not told()
