"""Drift on the pages and in own REST: what was counted and judged, in words, as a picture, a table and a CSV."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.actors import Actor
from accounts.permissions import Scope
from core import clock
from deployments import endpoints
from monitoring import drift
from monitoring.models import Feature, FeatureSample
from tests.factories import count_feature, make_model

pytestmark = pytest.mark.django_db
RNG = random.Random(2)  # noqa: S311 - made-up values
USUAL: list[Any] = [RNG.gauss(40, 10) for _ in range(1_000)]
MOVED: list[Any] = [value + 8 for value in USUAL]
AT = "/endpoints/fraud"


@pytest.fixture(autouse=True)
def signed_in(people: dict[str, Actor], client: Client) -> None:
    made = make_model(people["dana"], "Fraud")
    endpoints.create_endpoint("fraud", model=made, environment="staging", actor=people["eli"])
    client.force_login(people["dana"].person, "django.contrib.auth.backends.ModelBackend")


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_before_anything_is_told_the_page_says_what_to_log(client: Client) -> None:
    shown = page(client, f"{AT}/monitoring")
    assert "No value of what callers send was told yet." in shown
    assert "<code>input_example</code>" in shown
    assert "/models/Fraud/permissions" in shown


def test_an_alarm_stands_first_with_its_severity_and_day(client: Client) -> None:
    count_feature("fraud", "2", "calm", USUAL, USUAL, USUAL)
    count_feature("fraud", "2", "age", USUAL, USUAL, MOVED, MOVED)
    drift.judge_due()
    shown = page(client, f"{AT}/monitoring")
    since = drift.date_of(drift.day_of(clock.now()) - 1)
    assert "Version 2: age has drifted." in shown
    assert shown.index(">age</a>") < shown.index(">calm</a>")
    assert f">{since:%Y-%m-%d}</td>" in shown
    assert "major</span>" in shown
    assert 'aria-label="Over 3 days from 0.000 to 0.' in shown


def test_before_its_first_day_is_over_nothing_is_called_calm(client: Client) -> None:
    count_feature("fraud", "2", "age", USUAL, MOVED)
    drift.judge_due()
    shown = page(client, f"{AT}/monitoring")
    assert "Version 2: one feature is counted, and no day is judged yet." in shown
    assert "not judged</span>" in shown
    assert "No day of it is judged yet." in page(client, f"{AT}/drift?version=2&feature=age")


def test_a_feature_is_drawn_beside_its_reference(client: Client) -> None:
    count_feature("fraud", "2", "age", [*USUAL, None], MOVED, MOVED)
    drift.judge_due()
    shown = page(client, f"{AT}/drift?version=2&feature=age")
    assert "The widest gap between it and its reference is 0.3" in shown
    assert "Drifted since" in shown
    assert shown.count('class="overlay-now" x=') == 22
    assert "0.1 % of the reference's rows, 0.0 % of what comes." in shown
    table = client.get(f"{AT}/drift?version=2&feature=age&form=csv").content.decode().splitlines()
    assert table[0] == "signal,bar,over,up_to,reference_share,window_share"
    assert sum(float(line.split(",")[-1]) for line in table[1:]) == pytest.approx(1, abs=1e-4)


def test_an_alarm_is_acknowledged_on_its_page(client: Client) -> None:
    count_feature("fraud", "2", "age", USUAL, MOVED, MOVED)
    drift.judge_due()
    path = f"{AT}/drift?version=2&feature=age"
    assert "Look at it" in page(client, path)
    refused = client.post(path, {"comment": " "})
    assert refused.status_code == 400
    assert "what you found" in refused.content.decode()
    assert client.post(path, {"comment": "a <b>campaign"}).status_code == 302
    shown = page(client, path)
    assert "dana: a &lt;b&gt;campaign" in shown
    assert "Look at it" not in shown
    assert "seen by dana" in page(client, f"{AT}/monitoring")
    assert json.loads(client.get("/api/v1/endpoints/fraud/drift").content)["features"][0]["acknowledged_by"] == "dana"


def test_an_alarm_is_acknowledged_by_own_rest_with_the_page_s_refusals(
    client: Client, people: dict[str, Actor]
) -> None:
    dana = people["dana"]
    token = tokens.mint(dana.person, label="x", scopes=[Scope.READ, Scope.WRITE], days=1, actor=dana, fresh=True)[1]

    def acknowledge(**said: str) -> tuple[int, Any]:
        body = {"version": "2", "feature": "age", "comment": "a campaign", **said}
        answer = Client().post(
            "/api/v1/endpoints/fraud/drift/acknowledgement", body, content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        return answer.status_code, answer.json()

    count_feature("fraud", "2", "age", USUAL, MOVED, MOVED)
    assert acknowledge()[0] == 409
    drift.judge_due()
    assert acknowledge(feature="none")[0] == 404
    assert acknowledge(comment=" ")[0] == 400
    status, said = acknowledge()
    assert (status, said["name"], said["acknowledged_by"]) == (200, "age", "dana")
    status, said = acknowledge()
    assert (status, said["message"]) == (409, "dana looked at it already.")
    assert "dana: a campaign" in page(client, f"{AT}/drift?version=2&feature=age")


def test_what_another_detector_says_stands_beside_the_rule_by_name(client: Client) -> None:
    feature = count_feature("fraud", "2", "age", USUAL, MOVED)
    day = drift.day_of(clock.now())
    feature.opinions.create(detector="house_psi", day=day, drifted=True, score=0.5, note="<i>ten</i>")
    feature.opinions.create(detector="nightly", day=day, fault="No answer within 60 s.")
    shown = page(client, f"{AT}/drift?version=2&feature=age")
    assert ">house_psi</th>" in shown
    assert "&lt;i&gt;ten" in shown
    assert "No answer within 60 s." in shown
    (said,) = json.loads(client.get("/api/v1/endpoints/fraud/drift").content)["features"]
    assert [(one["detector"], one["drifted"]) for one in said["opinions"]] == [("house_psi", True), ("nightly", None)]


def test_names_of_features_and_levels_are_text(client: Client) -> None:
    name = "<script>&/?"
    feature = count_feature("fraud", "2", name, ["<q>", "x"] * 50, ["<q>"] * 9)
    assert "<script>&" not in page(client, f"{AT}/monitoring")
    shown = page(client, drift_address(feature))
    assert "<q>" not in shown
    assert "&lt;q&gt;" in shown


def drift_address(feature: Feature) -> str:
    from web.pages.drift import address  # noqa: PLC0415

    return address(feature.endpoint, feature.version, feature.name)


def test_what_waits_for_a_reference_is_said(client: Client) -> None:
    FeatureSample.objects.create(
        endpoint="fraud", version="2", digest="d", at=clock.now(), of=7, rows=7, columns={"age": [1] * 7}, waits=True
    )
    assert "Version 2: age waits for a reference: 7 of 10,000 first rows are here." in page(client, f"{AT}/monitoring")


@pytest.mark.parametrize("query", ["", "?version=2", "?version=2&feature=none", "?version=9&feature=age"])
def test_a_feature_that_is_not_counted_is_not_found(client: Client, query: str) -> None:
    count_feature("fraud", "2", "age", USUAL, USUAL)
    assert client.get(f"{AT}/drift{query}").status_code == 404


def test_own_rest_says_the_same(client: Client) -> None:
    count_feature("fraud", "2", "age", USUAL, MOVED, MOVED)
    count_feature("fraud", "1", "age", USUAL)
    drift.judge_due()
    said = json.loads(client.get("/api/v1/endpoints/fraud/drift").content)
    assert (said["version"], said["versions"]) == ("2", ["2", "1"])
    (feature,) = said["features"]
    assert feature["name"] == "age"
    assert feature["severity"] == "major"
    assert feature["alarm_since"] == (clock.now() - timedelta(days=1)).date().isoformat()
    assert feature["distance"] == pytest.approx(0.31, abs=0.03)
    assert json.loads(client.get("/api/v1/endpoints/fraud/drift?version=7").content)["features"] == []


def test_the_page_of_thirty_features_takes_few_statements(client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        count_feature("fraud", "2", f"f{number}", USUAL, USUAL)
    with django_assert_max_num_queries(40):
        page(client, f"{AT}/monitoring")
