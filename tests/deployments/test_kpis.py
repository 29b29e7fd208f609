"""Numbers of the business for units of a canary: by REST, named as in its log, on its page."""

from typing import Any

import pytest
from django.test import Client

from accounts.actors import Actor
from accounts.permissions import Scope
from accounts.tokens import mint
from deployments import rollouts
from deployments.models import Endpoint, Rollout
from deployments.orders import salt_of
from deployments.plans import Plan
from monitoring import ingest
from monitoring.models import UnitNumber
from registry.models import RegisteredModel
from serving.unit_names import key_of, name_of
from tests.deployments.hands import Hands
from tests.deployments.story import AT_ONCE, locked_version, run
from tests.monitoring.conftest import Stream, stream

__all__ = ["stream"]
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def halves(hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor) -> Rollout:
    """Version 2 beside version 1, at 50 %."""
    run(hands, rollouts.start(locked_version(model, dana), staging, AT_ONCE, actor=eli))
    plan = Plan.of({"strategy": "a-b", "shares": [50]})
    return run(hands, rollouts.start(locked_version(model, dana), staging, plan, actor=eli), turns=4)


def api(someone: Actor) -> Client:
    token = mint(someone.person, label="kpis", scopes=[Scope.READ, Scope.WRITE], days=1, actor=someone)[1]
    return Client(headers={"authorization": f"Bearer {token}"})


def tell(client: Client, rollout: Rollout, **said: Any) -> Any:
    path = f"/api/v1/rollouts/{rollout.pk}/kpis"
    return client.post(path, {"kpi": "revenue", **said}, content_type="application/json")


def ask(stream: Stream, rollout: Rollout, units: int) -> None:
    """Let each unit ask once: every other is drawn into the canary."""
    key = key_of(salt_of(rollout))
    stream.endpoint = rollout.endpoint.name
    for number in range(units):
        track = "canary" if number % 2 else "stable"
        more = {"rollout": str(rollout.uuid), "step": "50", "share": "5000"}
        stream.answered(f"q{number}", 1)
        stream.routed(f"q{number}", track, unit=name_of(f"customer-{number}", key), **more)
    ingest.drain()


def test_what_is_told_of_units_is_compared_by_version(halves: Rollout, stream: Stream, dana: Actor) -> None:
    ask(stream, halves, 80)
    client = api(dana)
    units = [
        {"unit": f"customer-{n}", "pre": float(n % 7), "post": float(n % 7 + (3 if n % 2 else 0) + n % 3 / 10)}
        for n in range(82)
    ]
    assert tell(client, halves, units=units).json() == {"new": 82, "revised": 0, "repeated": 0}
    assert tell(client, halves, units=units).json() == {"new": 0, "revised": 0, "repeated": 82}
    assert not UnitNumber.objects.filter(unit__contains="customer").exists()
    (one,) = client.get(f"/api/v1/rollouts/{halves.pk}/kpis").json()
    assert (one["share_pct"], one["live"]["units"], one["candidate"]["units"], one["elsewhere"]) == (50, 40, 40, 2)
    assert one["uplift"]["est"] == pytest.approx(3.0, abs=0.1)
    assert one["uplift"]["sequence"]["lo"] > 0
    page = Client()
    page.force_login(dana.person, backend=BACKEND)
    shown = page.get(f"/deployments/{halves.pk}").content.decode()
    assert "Units of the new version do better." in shown
    assert "2 more were told of" in shown


def test_the_page_says_how_to_tell_and_only_where_versions_share(halves: Rollout, dana: Actor, olga: Actor) -> None:
    page = Client()
    page.force_login(dana.person, backend=BACKEND)
    assert f"/api/v1/rollouts/{halves.pk}/kpis" in page.get(f"/deployments/{halves.pk}").content.decode()
    first = Rollout.objects.order_by("pk").first()
    assert first
    assert "Business numbers" not in page.get(f"/deployments/{first.pk}").content.decode()


def test_a_slip_takes_nothing_and_says_where(halves: Rollout, dana: Actor) -> None:
    client = api(dana)
    refused = tell(client, halves, units=[{"unit": "a", "post": 1}, {"unit": "b", "past": 1}])
    assert refused.status_code == 400
    assert "Unit 1" in refused.json()["message"]
    assert tell(client, halves, kpi="", units=[]).status_code == 400
    assert not UnitNumber.objects.exists()
