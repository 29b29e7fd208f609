"""A plan as a picture: on the form, on the review page, and on the deployment's page as far as it came."""

import re

import pytest

from accounts.actors import Actor
from deployments import endpoints, rollouts
from deployments.models import WAY_BACK, Endpoint, Rollout, RolloutStep
from deployments.plans import Plan
from deployments.states import RolloutState
from registry.policy import StageMove
from registry.stages import Stage
from tests.deployments.story import locked_version
from tests.factories import make_model
from tests.web.visitors import browser
from web.pages.plan_picture import planned, under_way

STAIRS = Plan.of({"strategy": "canary", "shares": [5, {"pct": 25, "gate": True, "min_s": 5400}]})


def test_columns_rise_with_the_shares_and_fill_the_picture() -> None:
    columns = planned(STAIRS).columns
    assert [(column.share_pct, column.time, column.gate) for column in columns] == [
        (5, "10 min", False), (25, "90 min", True), (100, "", False),
    ]  # fmt: skip
    assert [column.height_pct for column in columns] == sorted(column.height_pct for column in columns)
    assert all(column.y_pct + column.height_pct == pytest.approx(86, abs=0.02) for column in columns)
    assert columns[-1].end_pct == pytest.approx(100, abs=0.02)


@pytest.mark.parametrize(
    ("said", "shares"),
    [
        ({"strategy": "all-at-once"}, [100]),
        ({"strategy": "blue-green", "bake_s": 60}, [100]),
        ({"strategy": "linear", "step_pct": 5}, [*range(5, 100, 5), 100]),
    ],
)
def test_each_strategy_has_its_columns_and_room_for_their_words(said: dict[str, object], shares: list[int]) -> None:
    columns = planned(Plan.of(said)).columns
    assert [column.share_pct for column in columns] == shares
    assert sum(column.is_worded for column in columns) <= 5
    assert columns[-1].is_worded


def test_what_is_done_under_way_left_and_sent_back_is_told_apart() -> None:
    specs = [spec for spec in STAIRS.steps if "share_pct" in spec.arguments]
    states = ["done", "done", "done", "done", "applied", "pending"]

    def seen(*states: str) -> list[str]:
        steps = [RolloutStep(arguments=s.arguments, status=state) for s, state in zip(specs, states, strict=True)]
        return [column.state for column in under_way(STAIRS, steps).columns]

    assert seen(*states) == ["done", "now", "planned"]
    assert seen("done", "failed", *["pending"] * 4) == ["failed", "planned", "planned"]
    assert seen(*["pending"] * 6) == ["planned"] * 3


def test_what_a_person_sent_back_is_no_longer_now() -> None:
    back = RolloutStep(position=WAY_BACK, name="revert", arguments={}, status="applied")
    specs = [spec for spec in STAIRS.steps if "share_pct" in spec.arguments]
    for states, seen in (
        (["done", "applied"], ["failed", "planned", "planned"]),
        (["done", "done"], ["failed", "planned", "planned"]),
        (["done", "done", "done", "applied"], ["done", "failed", "planned"]),
        ([], ["planned"] * 3),
    ):
        full = [*states, *["pending"] * (len(specs) - len(states))]
        steps = [RolloutStep(arguments=s.arguments, status=state) for s, state in zip(specs, full, strict=True)]
        assert [column.state for column in under_way(STAIRS, [*steps, back]).columns] == seen


def test_a_bake_is_at_all_requests() -> None:
    plan = Plan.of({"strategy": "blue-green", "bake_s": 60})
    for at, seen in (("applied", "now"), ("done", "done")):
        steps = [RolloutStep(name=s.name, arguments=s.arguments, status="done") for s in plan.steps]
        steps[2].status = at
        assert [column.state for column in under_way(plan, steps).columns] == [seen]


@pytest.fixture
def endpoint(dana: Actor, olga: Actor) -> Endpoint:
    made = endpoints.create_endpoint("fraud", model=make_model(dana), environment="production", actor=olga)
    locked_version(made.model, dana)
    return made


@pytest.mark.django_db
def test_the_form_shows_its_plan_and_does_nothing(endpoint: Endpoint, olga: Actor) -> None:
    said = {"version": "1", "strategy": "canary", "shares": "5, 25", "own": "25: gate"}
    shown = browser(olga).post("/endpoints/fraud/plan", said)
    page = shown.content.decode()
    assert shown.status_code == 200
    assert 'aria-label="Share of the requests: 5 %, 25 % then a gate, 100 %"' in page
    assert re.search(r'name="shares"[^>]*value="5, 25"', page)
    part = browser(olga).post("/endpoints/fraud/plan", said, headers={"HX-Request": "true"}).content.decode()
    assert part.startswith("<div data-shown><figure")
    assert "then a person lets it go on" in part
    wrong = browser(olga).post("/endpoints/fraud/plan", {**said, "shares": "25, 5"})
    assert (wrong.status_code, b"Each share is larger" in wrong.content) == (400, True)
    none = browser(olga).post("/endpoints/fraud/plan", {**said, "shares": ""}, headers={"HX-Request": "true"})
    assert b"field-error" in none.content
    assert not Rollout.objects.exists()


@pytest.mark.django_db
def test_reviewer_and_operator_see_the_plan_that_is_signed(endpoint: Endpoint, people: dict[str, Actor]) -> None:
    version, move = endpoint.model.versions.get(), StageMove(Stage.NONE, Stage.PRODUCTION, archive_existing=True)
    request = rollouts.request_deployment(
        version, endpoint, STAIRS, move=move, reason="go", actor=people["dana"]
    ).request
    assert "5 %, 25 % then a gate, 100 %" in browser(people["rita"]).get(f"/approvals/{request.pk}").content.decode()
    row = Rollout.objects.create(endpoint=endpoint, version=version, plan=STAIRS.document, state=RolloutState.RUNNING,
                                 created_by=people["olga"].person)  # fmt: skip
    row.steps.create(position=1, name="route", arguments={"share_pct": 5}, key="k", status="applied")
    page = browser(people["olga"]).get(f"/deployments/{row.pk}").content.decode()
    assert "5 % now, 25 % then a gate left, 100 % left" in page
