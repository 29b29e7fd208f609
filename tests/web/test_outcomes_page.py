"""Outcomes on the monitoring page, as a CSV and by own REST."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.http import urlencode

from accounts import tokens
from accounts.actors import Actor
from accounts.permissions import Scope
from core import clock
from deployments import endpoints
from monitoring import labels, windows
from monitoring.labels import Given
from monitoring.models import Label
from tests.factories import make_model
from tests.monitoring.observed import observe, seen

pytestmark = pytest.mark.django_db
AT = "/endpoints/fraud"
ROWS = 200


@pytest.fixture(autouse=True)
def signed_in(people: dict[str, Actor], client: Client) -> None:
    made = make_model(people["dana"], "Fraud")
    endpoints.create_endpoint("fraud", model=made, environment="staging", actor=people["eli"])
    client.force_login(people["dana"].person, "django.contrib.auth.backends.ModelBackend")


@pytest.fixture
def labelled(dana: Actor) -> None:
    """200 predictions three hours ago, 150 labelled: those of thin files mostly wrong."""
    at = clock.now() - timedelta(hours=3)
    made = [seen(request_id=f"q{n}", prediction=[n % 2], score=[0.1 + 0.8 * (n % 2)]) for n in range(ROWS)]
    for row in made:
        row.at = at
    observe(*made)
    windows.close_due()
    labels.record_labels("fraud", [_truth(n) for n in range(150)], actor=dana)
    windows.close_due()


def _truth(number: int) -> Given:
    is_thin = number < 30
    is_wrong = number % 3 if is_thin else not number % 10
    return Given(f"q{number}", number % 2 ^ bool(is_wrong), segment="thin file" if is_thin else "prime")


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def rest(dana: Actor, **query: str) -> Any:
    text = tokens.mint(dana.person, label="x", scopes=[Scope.READ], days=1, actor=dana, fresh=True)[1]
    path = f"/api/v1/endpoints/fraud/outcomes?{urlencode(query)}"
    return Client().get(path, headers={"Authorization": f"Bearer {text}"}).json()


@pytest.mark.usefixtures("labelled")
def test_the_page_says_how_good_by_how_many_labels_and_names_the_worst_segment(client: Client) -> None:
    shown = read(client, f"{AT}/monitoring?range=6h")
    assert "v2 on stable: accuracy 0.787 (0.714 to 0.845); 150 of 200 predictions are labelled (75 %)." in shown
    assert "Worst segment: thin file, 0.333 of 30 rows." in shown
    assert "Estimated of all: 0.787, 25 % of it by scores alone." in shown
    assert "of predictions at least that old" in shown


@pytest.mark.usefixtures("labelled")
def test_rest_says_the_same_with_intervals(dana: Actor) -> None:
    (line,) = rest(dana)["lines"]
    assert (line["version"], line["track"], line["predictions"], line["labelled"]) == ("2", "stable", 200, 150)
    assert set(line["measures"]) == {"accuracy", "precision", "recall", "auc", "brier", "ece"}
    assert line["measures"]["accuracy"]["value"] == pytest.approx(118 / 150)
    assert line["coverage"]["value"] == 0.75
    assert line["estimate"]["rests_on"] == 150
    assert [(one["name"], one["is_worse"]) for one in line["slices"]] == [("thin file", True), ("prime", False)]
    assert sum(window["labelled"] for window in line["windows"]) == 150


@pytest.mark.usefixtures("labelled")
def test_the_csv_has_each_measure_in_all_and_window_by_window(client: Client) -> None:
    now = clock.now()
    query = urlencode({"since": (now - timedelta(hours=6)).isoformat(), "until": now.isoformat()})
    rows = list(csv.DictReader(io.StringIO(read(client, f"{AT}/outcomes.csv?{query}"))))
    accuracy = [row for row in rows if row["measure"] == "accuracy"]
    assert [float(row["value"]) for row in accuracy] == [pytest.approx(118 / 150)] * 2
    assert {row["segment"] for row in rows if row["measure"] == "slice"} == {"thin file", "prime"}
    assert client.get(f"{AT}/outcomes.csv").status_code == 400


@pytest.mark.usefixtures("labelled")
def test_a_report_as_of_before_the_labels_has_none(client: Client, dana: Actor) -> None:
    before = (Label.objects.earliest("pk").received_at - timedelta(seconds=1)).isoformat()
    (line,) = rest(dana, as_of=before)["lines"]
    assert (line["predictions"], line["labelled"], line["measures"]) == (200, 0, {})
    shown = read(client, f"{AT}/monitoring?{urlencode({'range': '6h', 'as_of': before})}")
    assert "As it was known then" in shown
    assert "No label came for these predictions yet." in shown
    assert client.get(f"{AT}/monitoring?as_of=then").status_code == 400


def test_without_predictions_the_panel_says_what_will_stand_there(client: Client, dana: Actor) -> None:
    assert "No prediction was made in this range." in read(client, f"{AT}/monitoring")
    assert rest(dana)["lines"] == []


@pytest.mark.usefixtures("labelled")
def test_two_versions_stand_side_by_side_and_as_a_csv(client: Client, dana: Actor) -> None:
    made = [seen(request_id=f"c{n}", version="3", track="canary", prediction=[1], latency_ms=80.0) for n in range(90)]
    for row in made:
        row.at = clock.now() - timedelta(hours=3)
    observe(*made)
    windows.close_due()
    labels.record_labels("fraud", [Given(f"c{n}", int(n < 30)) for n in range(90)], actor=dana)
    windows.close_due()
    shown = read(client, f"{AT}/beside?range=6h")
    assert "v3 beside v2, in the one hour in which both were asked: worse in" in shown
    assert "no more than chance" in shown
    table = io.StringIO(read(client, f"{AT}/beside?range=6h&form=csv"))
    rows = {row["measure"]: row for row in csv.DictReader(table)}
    assert (float(rows["p95_ms"]["v2"]), float(rows["p95_ms"]["v3"])) == (10.0, 80.0)
    assert rows["accuracy"]["is"] == "worse"
    assert float(rows["accuracy"]["difference"]) == pytest.approx(1 / 3 - 118 / 150)


def test_one_version_alone_is_compared_with_nothing(client: Client) -> None:
    assert "Fewer than two versions were asked" in read(client, f"{AT}/beside")
    assert "7 days at most" in client.get(f"{AT}/beside?range=90d").content.decode()


@pytest.mark.usefixtures("labelled")
def test_what_outcomes_are_worth_is_said_on_the_models_page_and_told_with_them(client: Client, dana: Actor) -> None:
    path = "/models/Fraud/permissions"
    refused = client.post(f"{path}/values", {"outcome_values": "1, 0"})
    assert (refused.status_code, "is no truth, answer and number" in refused.content.decode()) == (400, True)
    assert client.post(f"{path}/values", {"outcome_values": "1, 1, 40\n0, 1, -10"}).status_code == 302
    assert "said <code>1</code>" in read(client, path)
    (line,) = rest(dana)["lines"]
    hits, alarms = (sum(1 for n in range(150) if n % 2 and _truth(n).value == truth) for truth in (1, 0))
    assert line["measures"]["value"]["value"] == pytest.approx((40 * hits - 10 * alarms) / 150)
    assert ">Value</th>" in read(client, f"{AT}/monitoring?range=6h")
