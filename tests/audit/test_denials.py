from datetime import timedelta

import pytest

from accounts.actors import Actor
from audit.denials import note_denial, settle
from audit.models import Denial, Event
from audit.record import Subject
from core import clock

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ABOUT = Subject("registered_model", "1", "Fraud")


def test_a_thousand_refusals_in_a_minute_are_two_events(otto: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    before = Event.objects.filter(action="access.denied").count()
    for _ in range(1000):
        note_denial("stage.production", ABOUT, actor=otto, reason="needs Ops")
    assert Event.objects.filter(action="access.denied").count() == before + 1
    assert settle() == 0
    Denial.objects.update(minute=Denial.objects.get().minute - timedelta(minutes=2))
    assert settle() == 1
    assert settle() == 0
    last = Event.objects.filter(action="access.denied").latest("id")
    assert b'"count":999' in bytes(last.body)
    assert (last.actor_name, last.outcome) == ("otto", "denied")
