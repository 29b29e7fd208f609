"""Versions side by side: from two to six, each signature against the first."""

import pytest
from django.test import Client

from accounts.actors import Actor
from registry import numbering, versions
from registry.models import RegisteredModel
from tests.factories import MLMODEL, make_model, make_version

pytestmark = pytest.mark.django_db
WITHOUT = MLMODEL.replace('"name": "fraud"', '"name": "score"')


@pytest.fixture
def model(dana: Actor) -> RegisteredModel:
    """Seven versions; the third has another output, the second a number and a tag."""
    model = make_model(dana, "Fraud")
    for number in range(1, 8):
        run = {"metrics": {"auc": number / 10}, "mlmodel": WITHOUT if number == 3 else MLMODEL}
        version = make_version(model, dana, **run)
        if number == 2:
            numbering.set_semver(version, "1.1.0", actor=dana)
            versions.set_version_tag(version, "team", "risk", actor=dana)
    return model


@pytest.fixture
def browser(dana: Actor) -> Client:
    """Dana's."""
    client = Client()
    client.force_login(dana.person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_three_stand_side_by_side(model: RegisteredModel, browser: Client) -> None:
    page = browser.get("/models/Fraud/compare?v=1&v=2&v=3").content.decode()
    for said in ("1.1.0", "0.1", "0.2", "0.3", "risk", "same", "breaking", "output fraud is gone"):
        assert said in page, said
    assert page.count('<th scope="col"') >= 4


def test_two_show_their_difference_and_facts(model: RegisteredModel, browser: Client) -> None:
    page = browser.get("/models/Fraud/compare?v=1&v=2").content.decode()
    for said in ("Semantic version", "1.1.0", "risk", "same"):
        assert said in page, said


@pytest.mark.parametrize("asked", ["", "v=1", "v=1&v=1", "v=x&v=y", "&".join(f"v={n}" for n in range(1, 8))])
def test_fewer_than_two_and_more_than_six_are_refused(model: RegisteredModel, browser: Client, asked: str) -> None:
    assert browser.get(f"/models/Fraud/compare?{asked}").status_code == 400
    assert browser.get(f"/api/v1/models/Fraud/compare?{asked}").status_code == 400


def test_the_first_is_held_against_no_other(dana: Actor, browser: Client) -> None:
    model = make_model(dana, "Bare")
    for number in range(3):
        versions.register_version(model, versions.Registration(f"s3://bucket/{number}"), actor=dana)
    page = browser.get("/models/Bare/compare?v=1&v=2&v=3").content.decode()
    assert "Signature of version 1" not in page
    assert "Signature of version 2" in page
    assert b"Choose 2 to 6 versions" in browser.get("/models/Bare/compare?v=1").content


def test_six_by_rest(model: RegisteredModel, browser: Client) -> None:
    said = browser.get("/api/v1/models/Fraud/compare?" + "&".join(f"v={n}" for n in range(1, 7))).json()
    assert (said["old"], said["new"]) == (1, 6)
    assert [column["metrics"]["auc"] for column in said["versions"]] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert [column["signature"]["verdict"] for column in said["versions"]] == ["same", "same", "breaking"] + [
        "same"
    ] * 3
    assert said["versions"][1]["semver"] == "1.1.0"
    assert browser.get("/api/v1/models/Fraud/compare?v=1&v=99").status_code == 404
