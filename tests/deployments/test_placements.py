"""What runs where: shares as they are, how each place was when last looked at, and nobody's secrets."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from core import clock
from deployments import endpoints, placements, rollouts
from deployments.models import Endpoint, Rollout, Sighting
from deployments.plans import Plan
from deployments.targets.contract import TryAgain
from deployments.targets.local.target import LocalTarget
from registry import registered
from registry.models import RegisteredModel
from tests.deployments.hands import Hands
from tests.deployments.story import installed, locked_version, run
from tests.factories import make_model
from tests.web.visitors import browser

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
CANARY = Plan.of({"strategy": "canary", "shares": [25]})


@pytest.fixture
def canary(hands: Hands, staging: Endpoint, model: RegisteredModel, dana: Actor, eli: Actor) -> Rollout:
    """Version 3 at 25 %, beside version 2; version 1 stands by."""
    installed(hands, staging, dana, eli, versions=2)
    return run(hands, rollouts.start(locked_version(model, dana), staging, CANARY, actor=eli), turns=4)


def told(staging: Endpoint) -> list[tuple[int, str, str]]:
    return [(one.rollout.version.version, one.gets, one.health) for one in placements.placements([staging])]


def test_each_version_says_what_it_gets_and_how_it_is(canary: Rollout, staging: Endpoint) -> None:
    assert told(staging) == [(2, "75 %", "not looked at yet"), (3, "25 %", "not looked at yet")]
    assert placements.look() == 3
    assert told(staging) == [(2, "75 %", "ready"), (3, "25 %", "ready"), (1, "stands by", "ready")]


def test_what_is_not_run_any_more_is_forgotten(canary: Rollout, staging: Endpoint) -> None:
    placements.look()
    Rollout.objects.filter(pk=canary.pk).update(state="failed", ended_at=clock.now())
    assert placements.look() == 2
    assert told(staging) == [(2, "100 %", "ready"), (1, "stands by", "ready")]


def test_a_place_that_is_away_is_said_to_be_and_one_not_seen_for_long_too(
    canary: Rollout, staging: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise TryAgain("The cluster does not answer.")

    placements.look()
    Sighting.objects.update(at=clock.now() - timedelta(minutes=6))
    assert {health for _, _, health in told(staging)} == {"not seen lately"}
    monkeypatch.setattr(LocalTarget, "runs", away)
    placements.look()
    assert {health for _, _, health in told(staging)} == {"not reached"}
    assert Sighting.objects.values_list("why", flat=True).distinct().get() == "The cluster does not answer."


def test_the_page_and_rest_show_what_the_person_may_see(
    canary: Rollout, staging: Endpoint, dana: Actor, eli: Actor, olga: Actor
) -> None:
    placements.look()
    shown = browser(eli).get("/running").content.decode()
    assert all(part in shown for part in ("75 %", "25 %", "stands by", "This machine", canary.digest[:4]))
    rows = browser(eli).get("/api/v1/running").json()
    assert [(row["version"], row["share_pct"], row["health"]) for row in rows] == [
        (2, 75, "ready"), (3, 25, "ready"), (1, 0, "ready"),
    ]  # fmt: skip
    registered.update_model(staging.model, restricted=True, actor=dana)
    assert staging.name not in browser(olga).get("/running").content.decode()


def test_many_endpoints_take_as_many_queries_as_one(
    canary: Rollout, staging: Endpoint, eli: Actor, dana: Actor
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            placements.placements(list(endpoints.endpoints_visible_to(eli)))
        return len(counted)

    placements.look()
    one = queries()
    for number in range(3):
        endpoints.create_endpoint(
            f"more-{number}", model=make_model(dana, f"more-{number}"), environment="staging", actor=eli
        )
    assert queries() == one <= 6


def test_before_anything_runs_the_page_says_so(eli: Actor) -> None:
    client = Client()
    assert client.get("/running").status_code == 302
    assert "Nothing runs yet" in browser(eli).get("/running").content.decode()
