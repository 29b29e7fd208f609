from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from deployments import endpoints
from registry import registered
from tests.factories import ask_production, make_model, make_version

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


def found(actor: Actor, text: str = "", here: str = "/") -> dict[str, str]:
    client = Client()
    client.force_login(actor.person, backend=BACKEND)
    with CaptureQueriesContext(connection) as counted:
        answer: Any = client.get("/palette", {"q": text, "here": here})
    assert len(counted) <= 20
    return {item["label"]: item["href"] for item in answer.json()["found"]}


def test_a_version_is_found_by_a_part_of_its_name_and_its_number(dana: Actor, rita: Actor) -> None:
    model = make_model(dana, "Fraud-Detection")
    for _ in range(3):
        make_version(model, dana)
    for text in ("fraud v3", "fraud 3", "Fraud-Detection v3"):
        assert found(rita, text)["Fraud-Detection v3"] == "/models/Fraud-Detection/versions/3", text
    assert "Fraud-Detection" in found(rita, "detect")
    assert found(rita, "fraud v4") == {}


def test_nobody_finds_what_is_kept_from_her(dana: Actor, rita: Actor, otto: Actor) -> None:
    model = make_model(dana, "Secret")
    make_version(model, dana)
    registered.update_model(model, actor=dana, restricted=True)
    assert found(rita, "secret") == found(rita, "secret v1") == {}
    assert found(rita, here="/models/Secret/versions/1") == found(rita)
    assert "Secret" in found(dana, "secret")
    assert found(otto, "a") == {}


def test_people_are_found_by_those_who_may_see_them(people: dict[str, Actor]) -> None:
    assert found(people["aude"], "rita") == {"What rita did": "/audit?person=rita"}
    assert found(people["ada"], "rita")["rita"].startswith("/admin/accounts/user/")
    assert found(people["otto"], "rita") == {}


def test_deeds_are_those_of_the_person_and_the_page(people: dict[str, Actor]) -> None:
    dana, eli, rita = people["dana"], people["eli"], people["rita"]
    model = make_model(dana, "Scene")
    version = make_version(model, dana)
    endpoints.create_endpoint("scene-staging", model=model, environment="staging", actor=eli)
    here = "/models/Scene/versions/1"
    assert found(dana, here=here)["Request Production for v1"] == f"{here}#move-Production"
    assert found(eli, here=here)["Deploy v1 to scene-staging"] == "/endpoints/scene-staging"
    assert not any(label.startswith(("Request", "Deploy")) for label in found(rita, here=here))
    request = ask_production(version, dana)
    assert found(rita)[f"Review request #{request.pk} Scene v1 → Production"] == f"/approvals/{request.pk}"
    assert found(rita, here=f"/approvals/{request.pk}")[f"Decide on request #{request.pk}"].endswith(
        "#decision-comment"
    )
    assert f"Decide on request #{request.pk}" not in found(dana, here=f"/approvals/{request.pk}")
    assert found(rita, "verify") == {"Verify the ledger": "/audit#verify"}
    assert f"#{request.pk} Scene v1 → Production" in found(dana, f"#{request.pk}")


@pytest.mark.parametrize("text", ["\0", "%", "'", "v999999999999", "x" * 4000, "#99999999999999"])
def test_odd_text_finds_nothing_and_breaks_nothing(rita: Actor, text: str) -> None:
    found(rita, text, here="/no/such/page")


def test_the_first_steps_have_this_servers_address_and_a_model_of_the_reader(dana: Actor) -> None:
    make_model(dana, "Scene")
    client = Client()
    assert b"http://testserver" in client.get("/help/start").content
    assert b"Scene" not in client.get("/help/start").content
    client.force_login(dana.person, backend=BACKEND)
    assert b"Scene" in client.get("/help/start").content
