import re
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from accounts.actors import Actor
from audit import seal
from audit.models import Event
from deployments import endpoints
from registry import registered, transitions
from registry.models import RegisteredModel
from registry.stages import Stage
from tests.factories import ask_production, make_model, make_version
from tests.web.visitors import browser

pytestmark = pytest.mark.django_db
LINK = re.compile(r'<link rel="alternate" type="application/json" href="([^"]+)">')


def twin(client: Client, path: str) -> tuple[str, Any]:
    """Return the page's link and what stands behind it."""
    page = client.get(path).content.decode()
    href = LINK.findall(page)[0].replace("&amp;", "&")
    assert f'<a href="{href.replace("&", "&amp;")}" type="application/json">JSON' in page
    answer = client.get(href)
    assert answer.status_code == 200, (href, answer.content)
    return href, answer.json()


@pytest.fixture
def scene(dana: Actor, eli: Actor) -> RegisteredModel:
    model = make_model(dana, "Scene + 20% more?")
    first, second = (make_version(model, dana, metrics={"auc": value}) for value in (0.8, 0.9))
    transitions.transition(first, to=Stage.STAGING, archive_existing=False, actor=eli)
    ask_production(second, dana)
    endpoints.create_endpoint("scene", model=model, environment="staging", actor=eli)
    seal.seal()
    return model


def test_every_page_of_a_thing_or_a_list_has_its_json(scene: RegisteredModel, aude: Actor) -> None:
    client, name = browser(aude), "/models/Scene%20%2B%2020%25%20more%3F"
    run, request = scene.versions.first().run_id, scene.requests.get().pk  # type: ignore[union-attr]
    event = Event.objects.filter(action="version.registered").latest("id").seal.seq
    said = {
        path: twin(client, path)[1]
        for path in (
            "/models", name, f"{name}/versions/2", f"{name}/compare?v=1&v=2", f"{name}/history", f"/runs/{run}",
            "/approvals?tab=all", f"/approvals/{request}", "/audit", f"/audit/{event}",
        )
    }  # fmt: skip
    assert said["/models"][0]["name"] == said[name]["name"] == scene.name
    assert said[f"{name}/versions/2"]["version"] == 2
    (metric,) = said[f"{name}/compare?v=1&v=2"]["metrics"]
    assert (metric["before"], metric["after"], metric["word"]) == (0.8, 0.9, "better")
    (span,) = said[f"{name}/history"]["held"]
    assert (span["version"], span["label"], span["end"], span["approval"]) == (1, "Staging", None, "not needed")
    assert said[f"/runs/{run}"]["versions"] == [{"model": scene.name, "version": 1, "stage": "Staging"}]
    assert said["/approvals?tab=all"][0]["id"] == said[f"/approvals/{request}"]["id"] == request
    assert said[f"/audit/{event}"]["action"] == "version.registered"


def test_a_move_that_needed_no_request_links_to_none(scene: RegisteredModel, aude: Actor) -> None:
    page = browser(aude).get("/models/Scene%20%2B%2020%25%20more%3F/history").content.decode()
    assert '<span class="unmeasured">not needed</span>' in page
    assert "/approvals/not" not in page


@pytest.mark.parametrize("path", ["/endpoints", "/endpoints/scene", "/deployments"])
def test_pages_whose_read_is_not_there_have_no_link(scene: RegisteredModel, olga: Actor, path: str) -> None:
    links = LINK.findall(browser(olga).get(path).content.decode())
    there = "rest" in resolve(f"/api/v1{path.replace('deployments', 'rollouts')}").namespaces
    assert len(links) == there


def test_the_json_has_the_filters_of_the_page(scene: RegisteredModel, dana: Actor, rita: Actor) -> None:
    make_model(dana, "Other")
    client = browser(rita)
    href, said = twin(client, "/models?q=more&owner=dana&per=25")
    assert href == "/api/v1/models?q=more&owner=dana&limit=25"
    assert [model["name"] for model in said] == [scene.name]
    assert twin(client, "/models?stage=Production")[1] == []
    waiting = scene.requests.get().pk
    assert [row["id"] for row in twin(client, "/approvals")[1]] == [waiting]
    assert twin(client, "/approvals?tab=done")[1] == []
    events = twin(client, "/audit?person=dana&action=model.created&until=2100-01-01")[1]["events"]
    assert {event["action"] for event in events} == {"model.created"}
    assert twin(client, "/audit?denied=yes&person=dana")[1]["events"] == []


def test_the_search_reads_mlflows_grammar_and_says_where_it_cannot(scene: RegisteredModel, dana: Actor) -> None:
    make_model(dana, "Made in house")
    client = browser(dana)
    assert [m["name"] for m in twin(client, "/models?q=name ILIKE '%25IN HOUSE%25'")[1]] == ["Made in house"]
    assert [m["name"] for m in twin(client, "/models?q=made in")[1]] == ["Made in house"]
    broken = client.get("/models?q=name = ")
    assert broken.status_code == 400
    assert b"Invalid clause" in broken.content
    assert client.get("/api/v1/models?q=name = ").status_code == 400


def test_a_session_reads_and_never_writes_by_rest(scene: RegisteredModel, dana: Actor, otto: Actor) -> None:
    client = browser(dana)
    assert client.get("/api/v1/me").json()["name"] == "dana"
    assert client.post("/api/v1/models", {"name": "x"}, content_type="application/json").status_code == 401
    assert client.get("/api/v1/me", headers={"Authorization": "Bearer so_wrong"}).status_code == 401
    assert browser(otto).get("/api/v1/models").status_code == 403
    assert Client().get("/api/v1/me").status_code == 401
    registered.update_model(scene, actor=dana, restricted=True)


def test_a_page_that_is_not_there_links_to_nothing(dana: Actor) -> None:
    assert not LINK.findall(browser(dana).get("/models/none").content.decode())
