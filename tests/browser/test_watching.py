"""What is watched of an endpoint, in the browser: labels as a file, alert rules, an alert that somebody looks at."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.stack import Person, Stack

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]
MAKE = """
import django
django.setup()
from accounts.actors import Via, person
from accounts.models import User
from deployments import endpoints
from monitoring.models import Prediction, Snapshot
from monitoring.minutes import last_over
from core import clock
from tests.factories import make_model
dana, eli = (person(User.objects.get(username=name), Via.COMMAND) for name in ("dana", "eli"))
endpoints.create_endpoint("watched", model=make_model(dana, "Watched"), environment="staging", actor=eli)
for number in range(3):
    Prediction.objects.create(endpoint="watched", request_id=f"r{number}", at=clock.now(), routed=True, answered=True,
                              version="1", track="stable", status=200, prediction=1, latency_ms=4.0)
Snapshot.objects.create(endpoint="watched", minute=last_over(), track="stable", version="", requests=99, p95_ms=512.0)
"""
LOOK = "import django; django.setup(); from deployments.alerts import watch; print(watch.look_at_all())"
RULES = "type: signoff.alerts/1\nrules:\n  - alert: slow\n    when: {metric: p95_ms, above: 300}\n    then: review\n"


@pytest.fixture(scope="module")
def watched(stack: Stack) -> str:
    """The address of an endpoint that was asked three times."""
    stack.django(MAKE)
    return "/endpoints/watched"


def test_labels_as_a_file_are_counted_or_refused_with_a_reason(watched: str, visit: Visit, tmp_path: Path) -> None:
    eli = visit("eli")
    page = eli.open(f"{watched}/labels")
    eli.judge()
    wrong, right = tmp_path / "wrong.csv", tmp_path / "right.csv"
    wrong.write_text("request_id,lable\nr0,1\n")
    right.write_text("request_id,label\nr0,1\nr1,0\nr9,1\nr2,NaN\n")
    page.get_by_label("File", exact=True).set_input_files(wrong)
    page.get_by_role("button", name="Upload labels").click()
    refused = page.get_by_role("alert")
    expect(refused).to_contain_text("label or value is missing")
    eli.judge()
    page.get_by_label("File", exact=True).set_input_files(right)
    page.get_by_role("button", name="Upload labels").click()
    expect(page.get_by_role("heading", name="right.csv")).to_be_visible()
    expect(page.get_by_role("row", name="New 3")).to_be_visible()
    expect(page.get_by_role("row", name="Refused 1")).to_be_visible()
    eli.judge()


def test_alert_rules_are_written_by_line_and_an_alert_is_looked_at_by_keyboard(
    watched: str, visit: Visit, stack: Stack
) -> None:
    eli = visit("eli")
    page = eli.open(f"{watched}/alerts")
    page.get_by_role("link", name="Begin with five examples").click()
    eli.judge()
    page.get_by_label("Rules, in YAML").fill(RULES.replace("300", "much"))
    page.get_by_role("button", name="Save the rules").click()
    expect(page.get_by_role("link", name="Line 4")).to_be_visible()
    eli.judge()
    page.get_by_label("Rules, in YAML").fill(RULES)
    page.get_by_role("button", name="Save the rules").click()
    expect(page.get_by_text("Nothing fires.")).to_be_visible()
    assert stack.django(LOOK).strip() == "1"
    rita = visit("rita", viewport={"width": 320, "height": 800})
    page = rita.open("/notifications")
    page.get_by_role("link", name="watched").first.click()
    rita.judge()
    page.get_by_label("What you found").focus()
    page.keyboard.type("a batch job")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("fires, looked at")).to_be_visible()
    rita.judge()
