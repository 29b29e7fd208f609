"""A feature that begins to drift is told once, by the ledger and whoever follows it."""

import json
import random
import re
from pathlib import Path

import pytest

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Conflict, Denied, Invalid, NotFound
from deployments import alarms
from deployments.models import Endpoint
from monitoring import drift
from monitoring.models import Feature
from tests.factories import count_feature

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("dana")]
HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bring-a-drift-detector.md"
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
    documented = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", HOW_TO.read_text(), re.MULTILINE)[-4:]))
    assert said.keys() == set(documented)
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


def test_an_alarm_is_acknowledged_once_with_what_was_found(staging: Endpoint, eli: Actor, rita: Actor) -> None:
    def acknowledge(actor: Actor, comment: str = "a campaign", name: str = "age") -> None:
        alarms.acknowledge(staging, "2", name, comment=comment, actor=actor)

    feature = count_feature(staging.name, "2", "age", USUAL, MOVED, MOVED)
    with pytest.raises(Conflict, match="has not drifted"):
        acknowledge(eli)
    drift.judge_due()
    with pytest.raises(Denied):
        acknowledge(rita)
    with pytest.raises(NotFound):
        acknowledge(eli, name="other")
    for comment in ("", "x" * 2_001):
        with pytest.raises(Invalid):
            acknowledge(eli, comment)
    acknowledge(eli)
    with pytest.raises(Conflict, match="eli looked at it already"):
        acknowledge(eli)
    event = Event.objects.get(action="feature.acknowledged")
    assert json.loads(bytes(event.body))["comment"] == "a campaign"
    feature.refresh_from_db()
    assert (feature.is_acknowledged, feature.seen_by, feature.seen_comment) == (True, "eli", "a campaign")
    Feature.objects.filter(pk=feature.pk).update(alarm_since=clock.now().date())
    feature.refresh_from_db()
    assert not feature.is_acknowledged, "another alarm is another matter"
