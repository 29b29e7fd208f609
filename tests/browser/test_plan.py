"""The form of a rollout shows the fields of the chosen strategy and its plan as a picture, with and without script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.stack import Person, Stack

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]
MADE = """
import django; django.setup()
from django.contrib.auth import get_user_model
from accounts.actors import Via, person
from deployments import endpoints
from tests.deployments.story import locked_version
from tests.factories import make_model
dana, olga = (person(get_user_model().objects.get(username=name), Via.PASSWORD) for name in ("dana", "olga"))
model = make_model(dana, "Planned")
locked_version(model, dana)
endpoints.create_endpoint("planned", model=model, environment="production", actor=olga)
"""


@pytest.fixture(scope="module")
def endpoint(stack: Stack) -> str:
    stack.django(MADE)
    return "/endpoints/planned"


@pytest.mark.parametrize(
    "look", [{"viewport": {"width": 320, "height": 800}}, {"color_scheme": "dark"}], ids=["light-320", "dark-1280"]
)
def test_the_picture_follows_what_is_chosen(visit: Visit, endpoint: str, look: dict[str, object]) -> None:
    olga = visit("olga", **look)
    page = olga.open(endpoint)
    expect(page.get_by_label("Shares, percent")).to_be_hidden()
    page.get_by_label("Strategy").select_option("canary")
    picture = page.get_by_role("img", name="Share of the requests")
    expect(picture).to_have_accessible_name(re.compile("5 %, 10 %, 25 %, 50 %, 100 %"))
    expect(page.get_by_label("Time a step", exact=True)).to_be_hidden()
    page.get_by_label("What single shares have of their own").fill("25: gate")
    page.get_by_label("Shares, percent").fill("5, 25")
    page.get_by_label("Shares, percent").blur()
    expect(picture).to_have_accessible_name(re.compile("5 %, 25 % then a gate, 100 %"))
    at_least = page.get_by_label("Time a step, at least")
    at_least.fill("soon")
    at_least.blur()
    expect(at_least).to_have_accessible_description(re.compile("Give a time, as in 90 s"))
    expect(page.get_by_role("link", name="correct this first")).to_be_visible()
    olga.judge()
    at_least.fill("20 min")
    at_least.blur()
    expect(page.get_by_text("Each share lasts at least 20 min")).to_be_visible()
    expect(at_least).to_have_accessible_description("")


def test_without_script_a_button_shows_it_and_the_form_keeps_what_was_typed(visit: Visit, endpoint: str) -> None:
    page = visit("olga", java_script_enabled=False).open(endpoint)
    page.get_by_label("Strategy").select_option("linear")
    page.get_by_label("Each step, percent").fill("25")
    page.get_by_role("button", name="Preview the plan").click()
    expect(page.get_by_role("img", name="25 %, 50 %, 75 %, 100 %")).to_be_visible()
    expect(page.get_by_label("Each step, percent")).to_have_value("25")
