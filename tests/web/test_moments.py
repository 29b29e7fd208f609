"""Moments that people write into addresses: those at the calendar's ends are refused with a sentence, on every page."""

import pytest

from accounts.actors import Actor
from registry.models import RegisteredModel
from tests.factories import make_model
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
ENDS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01", "9999-12-31T23:59"]
HISTORY = "models/Fraud-Detection/history?at="
PLACES = [f"/{HISTORY}", "/audit?since=", "/audit?until=", f"/api/v1/{HISTORY}", "/api/v1/audit/events?since="]


@pytest.fixture
def model(dana: Actor) -> RegisteredModel:
    return make_model(dana)


@pytest.mark.usefixtures("model")
def test_moments_at_the_ends_of_the_calendar_are_refused_with_a_sentence(aude: Actor) -> None:
    client = browser(aude)
    for place in PLACES:
        for end in ENDS:
            answer = client.get(place + end.replace("+", "%2B"))
            said = answer.content.decode()
            assert answer.status_code == 400, (place, end)
            assert "moment" in said or "Write it as" in said, (place, end)
