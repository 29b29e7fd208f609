import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from accounts import tokens
from accounts.actors import Actor
from accounts.permissions import Scope
from core import clock
from deployments import endpoints
from deployments.models import Rollout
from deployments.shifts import Shift
from deployments.states import RolloutState, StepStatus
from monitoring.minutes import last_over, minute_of, start_of
from monitoring.models import Snapshot
from monitoring.series import Lines
from tests.factories import make_model, make_version
from web.pages.figures import FIGURES, draw, number, sentence
from web.pages.monitoring import marks_of

pytestmark = pytest.mark.django_db
FIGURE = {figure.name: figure for figure in FIGURES}


@pytest.fixture
def scene(people: dict[str, Actor], client: Client, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """An endpoint with half an hour of a stable version, of which a canary took 5 % after ten minutes."""
    dana, eli, moment = people["dana"], people["eli"], clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    model = make_model(dana, "Fraud")
    made = endpoints.create_endpoint("fraud", model=model, environment="staging", actor=eli)
    last = last_over()
    for minute in range(last - 29, last + 1):
        told(minute, "stable", "1", requests=100, errors=1, p50_ms=20.0, p95_ms=40.0, p99_ms=60.0)
    for minute in range(last - 19, last + 1):
        told(minute, "canary", "2", requests=5, errors=0, p50_ms=25.0, p95_ms=50.0, p99_ms=70.0)
    rollout = Rollout.objects.create(
        endpoint=made, version=make_version(model, dana), digest="d", created_by=eli.person, state=RolloutState.RUNNING
    )
    rollout.steps.create(
        position=1,
        name="route",
        arguments={"share_pct": 5},
        key="k",
        status=StepStatus.DONE,
        ended_at=start_of(last - 19),
    )
    client.force_login(dana.person, "django.contrib.auth.backends.ModelBackend")
    return SimpleNamespace(endpoint=made, last=last, rollout=rollout)


def told(minute: int, track: str, version: str, **more: float) -> None:
    Snapshot.objects.create(endpoint="fraud", minute=minute, track=track, version=version, rollout="r", **more)


def test_the_page_says_what_is_so_now_and_when_traffic_moved(scene: SimpleNamespace, client: Client) -> None:
    page = client.get("/endpoints/fraud/monitoring?range=1h").content.decode()
    assert "Stable p95: 40 ms in the last minute, the same as the median of this range." in page
    assert "Canary p95: 50 ms in the last minute, 10 ms more (worse) than the stable version." in page
    assert "Canary: 0 % in the last minute, 1 point less (better) than the stable version." in page
    assert "No label has come for the predictions of this range yet." in page
    assert "The use of CPU was not measured in this range." in page
    assert f'href="/deployments/{scene.rollout.pk}"' in page
    assert f"v1 5 %, deployment #{scene.rollout.pk} by eli" in page


def test_each_line_the_page_draws_has_its_points_and_gaps_stay_gaps(scene: SimpleNamespace, client: Client) -> None:
    page = client.get("/endpoints/fraud/monitoring?range=1h").content.decode()
    drawn = {part.split('"')[0] for part in page.split('data-line="')[1:]}
    source = page.split('data-source="')[1].split('"')[0].replace("&amp;", "&")
    points = json.loads(client.get(source).content)
    assert drawn == {key for key in points["lines"] if not key.startswith(("cpu", "memory"))}
    at, canary = points["at"], points["lines"]["p95_ms.canary"]
    began = at.index(start_of(scene.last - 19).timestamp())
    assert canary[began - 1 : began + 1] == [None, 50]
    assert points["lines"]["p95_ms.stable"][0] is None
    assert at[-1] == start_of(scene.last).timestamp() + 30


def test_a_past_range_is_an_address(scene: SimpleNamespace, client: Client) -> None:
    until = start_of(scene.last - 20)
    page = client.get(f"/endpoints/fraud/monitoring?range=1h&until={until:%Y-%m-%dT%H:%M}").content.decode()
    assert "Stable p95: 40 ms in the last minute" in page
    assert "Canary" not in page
    assert f"range=7d&amp;until={until:%Y-%m-%dT%H:%M}" in page


def test_an_endpoint_nobody_looked_at_says_so(scene: SimpleNamespace, client: Client) -> None:
    page = client.get("/endpoints/fraud/monitoring?range=1h&until=2020-01-01").content.decode()
    assert "Nothing was measured in this range" in page
    assert "No version took or gave back requests in this range." in page


@pytest.mark.parametrize("query", ["range=2h", "until=yesterday"])
def test_a_range_that_is_none_is_refused(scene: SimpleNamespace, client: Client, query: str) -> None:
    assert client.get(f"/endpoints/fraud/monitoring?{query}").status_code == 400


def test_a_chart_is_taken_along_as_csv(scene: SimpleNamespace, client: Client) -> None:
    answer = client.get("/endpoints/fraud/series.csv?range=1h&chart=errors")
    assert answer["Content-Disposition"] == 'attachment; filename="fraud-errors.csv"'
    lines = answer.content.decode().splitlines()
    assert lines[0] == "from_utc,minutes,stable_errors,canary_errors"
    assert lines[1].endswith(",1,,")
    assert lines[-1] == f"{start_of(scene.last):%Y-%m-%dT%H:%MZ},1,1.0,0.0"


def test_own_rest_reads_one_metric(scene: SimpleNamespace, client: Client, people: dict[str, Actor]) -> None:
    _, text = tokens.mint(people["dana"].person, label="t", scopes=[Scope.READ], days=1, actor=people["dana"])
    headers = {"Authorization": f"Bearer {text}"}
    since = clock.now() - timedelta(hours=1)
    path = "/api/v1/endpoints/fraud/series"
    said = client.get(path, {"metric": "p95_ms", "since": since.isoformat()}, headers=headers).json()
    assert (said["metric"], said["unit"], said["step_s"]) == ("p95_ms", "ms", 60)
    assert len(said["at"]) == len(said["tracks"]["stable"]) <= 2000
    place = said["at"].index(start_of(scene.last).timestamp())
    assert said["tracks"]["canary"][place] == 50
    refused = client.get(path, {"metric": "speed"}, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (400, "metric")
    assert client.get(path, {"metric": "p95_ms", "since": "x"}, headers=headers).status_code == 400
    assert minute_of(since) < scene.last


STABLE, CANARY = ("accuracy", "stable"), ("accuracy", "canary")
SAME = "Stable: 94 % in the last minute, the same as the median of this range."


@pytest.mark.parametrize(
    ("table", "now", "said"),
    [
        ({}, {}, FIGURE["accuracy"].nothing),
        ({STABLE: [None, 92.0, 96.0]}, {STABLE: [94.0]}, SAME),
        (
            {STABLE: [94.0], CANARY: [91.0]},
            {STABLE: [94.0], CANARY: [91.5]},
            f"{SAME} Canary: 91.5 % in the last minute, 2.5 points less (worse) than the stable version.",
        ),
        ({STABLE: [94.0]}, {}, "Stable: not measured in the last minute; the median of this range is 94 %."),
    ],
)
def test_a_sentence_says_now_and_the_change(table: Lines, now: Lines, said: str) -> None:
    assert sentence(FIGURE["accuracy"], table, now) == said


def test_a_canary_is_not_reproached_with_having_fewer_requests() -> None:
    lines: Lines = {("requests", "stable"): [90.0], ("requests", "canary"): [5.0]}
    said = sentence(FIGURE["requests"], lines, lines)
    assert said.endswith("Canary: 5 a minute in the last minute, the same as the median of this range.")


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (0.004, "0"), (0.126, "0.13"), (41.26, "41.3"), (446.1, "446")])
def test_numbers_in_sentences_are_short(value: float, shown: str) -> None:
    assert number(value) == shown


def test_little_cpu_is_not_said_to_be_none() -> None:
    little: Lines = {("cpu", "stable"): [0.0021]}
    assert sentence(FIGURE["cpu"], little, little) == (
        "Stable: under 0.01 cores in the last minute, the same as the median of this range."
    )
    none: Lines = {("cpu", "stable"): [0.0]}
    assert sentence(FIGURE["cpu"], none, none).startswith("Stable: 0 cores in")


def test_words_of_marks_do_not_cover_each_other(scene: SimpleNamespace) -> None:
    began = start_of(scene.last - 59).timestamp()
    moved = [
        Shift(start_of(scene.last - 59 + minute), scene.rollout, 1, minute, is_back=False)
        for minute in (6, 7, 8, 9, 50)
    ]
    marks = marks_of(moved, [began, began + 3600])
    assert [mark.label for mark in marks] == ["v1 6 %", "v1 7 %", "v1 8 %", "", "v1 50 %"]
    assert [mark.y for mark in marks[:3]] == [13, 26, 39]
    assert [round(mark.at_pct) for mark in marks] == [10, 12, 13, 15, 83]
    assert [mark.is_late for mark in marks] == [False, False, False, False, True]


def test_moves_too_close_to_be_told_apart_are_one_mark_that_leads_to_the_list(scene: SimpleNamespace) -> None:
    began = start_of(scene.last - 59).timestamp()
    moved = [
        Shift(start_of(scene.last - 30) + timedelta(seconds=second), scene.rollout, 1, second, is_back=False)
        for second in (5, 25, 50)
    ]
    [mark] = marks_of(moved, [began, began + 3600])
    assert (mark.label, mark.href) == ("3 moves", "#moved")
    assert [line.partition(",")[0] for line in mark.title.splitlines()] == ["v1 5 %", "v1 25 %", "v1 50 %"]


def test_two_canaries_of_a_range_are_two_lines(scene: SimpleNamespace, client: Client) -> None:
    for minute in (scene.last - 1, scene.last):
        told(minute, "canary", "10", requests=5, errors=5, p95_ms=90.0)
    page = client.get("/endpoints/fraud/monitoring?range=1h").content.decode()
    source = page.split('data-source="')[1].split('"')[0].replace("&amp;", "&")
    lines = json.loads(client.get(source).content)["lines"]
    assert (lines["errors.canary v10"][-1], lines["errors.canary v2"][-1]) == (100, 0)
    assert page.index('data-line="p95_ms.canary v2"') < page.index('data-line="p95_ms.canary v10"')
    assert "Canary v10: 100 % in the last minute, 99 points more (worse) than the stable version." in page
    assert "canary.errors" not in lines
    header = client.get("/endpoints/fraud/series.csv?range=1h&chart=errors").content.decode().splitlines()[0]
    assert header == "from_utc,minutes,stable_errors,canary_v2_errors,canary_v10_errors"


def test_many_canaries_stay_lines_of_their_own_and_those_that_ended_share_a_sentence(
    scene: SimpleNamespace, client: Client
) -> None:
    for version in ("10", "11", "12", "13"):
        told(scene.last - 5, "canary", version, requests=5, errors=0)
    page = client.get("/endpoints/fraud/monitoring?range=1h").content.decode()
    assert [f'data-line="errors.canary v{version}"' in page for version in (2, 10, 11, 12, 13)] == [True] * 5
    assert 'data-line="errors.canary"' not in page
    assert "Canary v2: 0 % in the last minute" in page
    assert "4 earlier lines, from canary v10 to canary v13, are in the table." in page


def test_a_young_endpoint_is_looked_at_closely(scene: SimpleNamespace, client: Client) -> None:
    current = 'aria-current="page">'
    assert f"{current}1h<" in client.get("/endpoints/fraud/monitoring").content.decode()
    for minutes, shown in ((15, "15m"), (6, "15m"), (5, "5m"), (1, "5m")):
        Snapshot.objects.filter(minute__lte=scene.last - minutes).delete()
        page = client.get("/endpoints/fraud/monitoring").content.decode()
        assert f"{current}{shown}<" in page, f"{minutes} minutes"


@pytest.mark.parametrize(
    ("shift", "label", "title"),
    [
        ({"share_pct": 5, "is_back": False}, "v1 5 %", "v1 5 %, deployment #{} by eli"),
        (
            {"share_pct": 25, "is_back": False, "acted": "olga"},
            "v1 25 %, olga",
            "v1 25 %, deployment #{} by eli, sent on by olga",
        ),
        ({"share_pct": 100, "is_back": True}, "v1 back", "v1 back: deployment #{} by eli was sent back by evidence"),
        (
            {"share_pct": 100, "is_back": True, "acted": "olga"},
            "v1 back, olga",
            "v1 back: deployment #{} by eli was sent back by olga",
        ),
    ],
)
def test_a_mark_names_the_person_where_one_acted(
    scene: SimpleNamespace, shift: dict[str, Any], label: str, title: str
) -> None:
    began = start_of(scene.last - 59).timestamp()
    [mark] = marks_of([Shift(start_of(scene.last - 30), scene.rollout, 1, **shift)], [began, began + 3600])
    assert (mark.label, mark.title) == (label, title.format(scene.rollout.pk))


def test_canaries_of_one_range_have_a_dash_each() -> None:
    names = ("stable", "canary v2", "canary v3", "canary v10")
    lines: Lines = {("errors", name): [1.0] for name in names}
    drawn = draw(FIGURE["errors"], lines, [start_of(1)], {}).lines
    assert [line.label for line in drawn] == list(names)
    assert len({line.dash for line in drawn}) == 4
    assert drawn[0].dash == ""


def test_small_differences_near_100_percent_can_be_seen() -> None:
    starts = [start_of(minute) for minute in range(2)]
    chart = draw(FIGURE["accuracy"], {("accuracy", "stable"): [97.0, 99.0]}, starts, {})
    assert (chart.floor, round(chart.top)) == (80, 103)


def test_a_chart_says_where_measuring_began(scene: SimpleNamespace, client: Client) -> None:
    page = client.get("/endpoints/fraud/monitoring?range=1h").content.decode()
    assert f"first measured {start_of(scene.last - 29):%H:%M}" in page
    assert "fraud was first asked or run within this range" in page
    later = client.get("/endpoints/fraud/monitoring?range=15m").content.decode()
    assert "first measured" not in later


def test_words_of_a_late_mark_stand_left_of_it_and_cover_no_others(scene: SimpleNamespace) -> None:
    began = start_of(scene.last - 99).timestamp()
    minutes = (74, 82, 90)
    moved = [Shift(start_of(scene.last - 99 + minute), scene.rollout, 1, minute, is_back=False) for minute in minutes]
    marks = marks_of(moved, [began, began + 6000])
    assert [(mark.level, mark.is_late) for mark in marks] == [(0, False), (1, True), (2, True)]
