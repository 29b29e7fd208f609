"""Alerts of an endpoint on pages, by own REST, and in the bell."""

import re
from pathlib import Path

import pytest
from django.test import Client

from accounts import tokens
from accounts.actors import Actor
from accounts.permissions import Scope
from audit.models import Event
from deployments import endpoints
from deployments.alerts import book, looking, watch
from deployments.alerts.documents import parse
from deployments.models import Endpoint
from monitoring.minutes import last_over
from monitoring.models import Snapshot
from tests.factories import make_model
from web.pages.alerts import START

pytestmark = pytest.mark.django_db
HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "write-alert-rules.md"
SLOW = "type: signoff.alerts/1\nrules:\n  - alert: slow\n    when: {metric: p95_ms, above: 300}\n    then: review\n"
JSON = "application/json"


@pytest.fixture
def slow(dana: Actor, eli: Actor) -> Endpoint:
    """An endpoint with an alert that waits for a reviewer."""
    found = endpoints.create_endpoint("fraud", model=make_model(dana), environment="staging", actor=eli)
    book.write_rules(found, SLOW, actor=eli)
    Snapshot.objects.create(endpoint="fraud", minute=last_over(), track="stable", version="", requests=99, p95_ms=512.0)
    watch.look_at_all()
    return found


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.person)
    return client


def api(actor: Actor) -> Client:
    _, text = tokens.mint(actor.person, label="x", scopes=list(Scope), days=1, actor=actor, fresh=True)
    return Client(headers={"authorization": f"Bearer {text}"})


def test_the_examples_are_rules() -> None:
    assert len(parse(START)) == 5
    (documented,) = re.findall(r"```yaml\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert [rule.name for rule in parse(documented)] == [rule.name for rule in parse(START)]


def test_an_alert_is_shown_wherever_its_endpoint_is(slow: Endpoint, rita: Actor) -> None:
    client = signed_in(rita)
    for path in ("/endpoints/fraud", "/endpoints/fraud/monitoring", "/endpoints/fraud/alerts", "/notifications"):
        page = client.get(path).content.decode()
        assert "p95_ms of stable v? is 512 ms over 5 minutes, above 300." in page, path


def test_the_reviewer_says_what_she_found(slow: Endpoint, rita: Actor) -> None:
    client, (alert,) = signed_in(rita), looking.firing(slow)
    said = client.post(f"/endpoints/fraud/alerts/{alert.pk}/acknowledge", {"comment": " "})
    assert said.status_code == 400
    assert "Say in 1 to 2,000 characters" in said.content.decode()
    client.post(f"/endpoints/fraud/alerts/{alert.pk}/acknowledge", {"comment": "a batch job"})
    assert "rita, " in client.get("/endpoints/fraud/alerts").content.decode()
    assert not looking.for_reviewers(rita).exists()


def test_a_wrong_text_is_shown_again_with_its_lines(slow: Endpoint, eli: Actor) -> None:
    client = signed_in(eli)
    assert "alert: slow" in client.get("/endpoints/fraud/alert-rules").content.decode()
    said = client.post("/endpoints/fraud/alert-rules", {"text": SLOW.replace("300", "much")})
    assert said.status_code == 400
    assert "Line 4, column" in said.content.decode()
    assert client.post("/endpoints/fraud/alert-rules", {"text": SLOW.replace("300", "600")}).status_code == 302
    assert book.rules_of(slow)[0].when == parse(SLOW.replace("300", "600"))[0].when


def test_rules_and_alerts_by_own_rest(slow: Endpoint, eli: Actor, rita: Actor) -> None:
    client = api(eli)
    path = "/api/v1/endpoints/fraud/alert-rules"
    assert client.get(path).json()["changed_by"] == "eli"
    refused = client.put(path, {"text": SLOW.replace("review", "panic")}, JSON)
    assert refused.status_code == 400
    assert "line 5" in refused.content.decode()
    before = Event.objects.count()
    assert client.put(path, {"text": SLOW}, JSON).status_code == 200
    assert Event.objects.count() == before, "the same again changes nothing"
    (alert,) = client.get("/api/v1/endpoints/fraud/alerts").json()
    assert (alert["rule"], alert["then"], alert["ended_at"], alert["value"]) == ("slow", "review", None, 512.0)
    where = f"/api/v1/endpoints/fraud/alerts/{alert['id']}/acknowledgement"
    assert client.post(where, {"comment": "x"}, JSON).status_code == 403
    judge = api(rita)
    assert judge.post(where, {"comment": "x"}, JSON).json()["acknowledged_by"] == "rita"
    assert judge.post(where, {"comment": "x"}, JSON).status_code == 409
    assert client.get(f"/api/v1/endpoints/fraud/alerts?before={alert['id']}").json() == []


def test_prometheus_reads_what_fires(slow: Endpoint, aude: Actor) -> None:
    text = signed_in(aude).get("/api/v1/metrics").content.decode()
    assert 'signoff_endpoint_alert_firing{alert="slow",endpoint="fraud",then="review"} 1.0' in text
