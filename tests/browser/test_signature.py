"""The whole story of the first signature, in a browser, against the real server."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.stack import Person, Stack, make_token

pytestmark = pytest.mark.browser
MODEL = "/models/Fraud-Detection"
Visit = Callable[..., Person]


def approve(rita: Person, number: int, words: str) -> None:
    page = rita.open("/")
    page.get_by_role("link", name=re.compile("Fraud-Detection v")).first.click()
    expect(page).to_have_url(re.compile(f"/approvals/{number}$"))
    rita.judge()
    page.get_by_label("Comment", exact=True).fill(words)
    page.get_by_role("button", name=re.compile("^Approve v")).click()
    expect(page.get_by_text("The ledger has your decision and comment.")).to_be_visible()
    rita.judge()


def request_in(stack: Stack, message: str) -> int:
    """Return the number of the request whose link the refusal carries."""
    found = re.search(re.escape(stack.url) + r"/approvals/(\d+)", message)
    assert found, message
    return int(found.group(1))


def test_two_models_reach_production_on_another_persons_signature(stack: Stack, visit: Visit) -> None:
    dana, rita, aude = (visit(name) for name in ("dana", "rita", "aude"))
    dana.judge()
    token = make_token(dana)

    assert stack.dana(token, "train", 1)["version"] == 1
    page = rita.open(MODEL)
    page.get_by_text("Set a limit").click()
    page.get_by_label("Metric", exact=True).fill("validation_accuracy")
    page.get_by_label("Value", exact=True).fill("0.85")
    page.get_by_role("button", name="Set limit").click()
    expect(page.get_by_text("validation_accuracy > 0.85").first).to_be_visible()
    rita.judge()

    refused = stack.dana(token, "promote", 1)
    assert (refused["moved"], refused["status"], refused["code"]) == (False, 403, "PERMISSION_DENIED")
    first = request_in(stack, refused["message"])
    assert request_in(stack, stack.dana(token, "promote", 1)["message"]) == first
    approve(rita, first, "Good enough for a first champion.")
    assert stack.dana(token, "promote", 1)["moved"]
    assert stack.dana(token, "predict")["accuracy"] > 0.85

    assert stack.dana(token, "train", 2)["version"] == 2
    page = dana.open(f"{MODEL}/versions/2")
    dana.judge()
    page.get_by_role("button", name="Request Production").first.click()
    page.get_by_label("Why").fill("better on every metric")
    page.get_by_role("dialog").get_by_role("button", name="Request Production").click()
    expect(page).to_have_url(re.compile(r"/approvals/\d+$"))
    second = int(page.url.rsplit("/", 1)[1])
    expect(page.get_by_text("You asked for this, so somebody else decides.")).to_be_visible()
    dana.judge()
    approve(rita, second, "Better on every metric, same signature.")
    page = dana.open(f"/approvals/{second}")
    page.get_by_role("button", name="Move v2 to Production").click()
    expect(page.get_by_text("Version 2 is in Production. Archived: version 1.")).to_be_visible()
    dana.judge()
    assert stack.dana(token, "predict")["accuracy"] > 0.95

    page = aude.open(f"{MODEL}/history")
    for words in ("Version 1", "Version 2", "@champion", "dana"):
        expect(page.get_by_text(words).first).to_be_visible()
    aude.judge()
    page = aude.open("/audit")
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text(re.compile(r"All [\d,]+ events fit root"))).to_be_visible()
    aude.judge()
    page = aude.open("/audit?action=request.decided")
    expect(page.get_by_text("Good enough for a first champion.")).to_be_visible()
    page.locator("tbody a").first.click()
    expect(page.get_by_text("checkpoint of")).to_be_visible()
    aude.judge()
    verified = stack.manage("audit_verify", "--anchor", str(stack.home / "checkpoints.txt"))
    assert verified.returncode == 0, verified.stdout


@pytest.mark.parametrize(
    "look", [{"color_scheme": "dark"}, {"viewport": {"width": 320, "height": 800}}], ids=["dark", "narrow"]
)
def test_every_page_holds_its_rules_in_the_dark_and_on_a_phone(
    stack: Stack, visit: Visit, look: dict[str, object]
) -> None:
    admin = visit("ada", **look)
    for path in (
        "/",
        "/models",
        "/approvals",
        "/approvals?tab=all",
        "/audit",
        "/account/tokens",
        "/account/access",
        "/nowhere",
        "/models/absent",
    ):
        admin.open(path)
        admin.judge()
    stranger = visit("", **look)
    stranger.open("/login")
    stranger.judge()


def test_an_outsider_is_shown_the_way_in(visit: Visit) -> None:
    otto = visit("otto")
    expect(otto.page.get_by_text("You have no role yet")).to_be_visible()
    otto.judge()
    page = otto.open("/account/access")
    page.get_by_label("Role").select_option("reviewer")
    page.get_by_label("Why you need it").fill("I read every card")
    page.get_by_role("button", name="Request access").click()
    expect(page.get_by_text("Waiting: Reviewer")).to_be_visible()
    otto.judge()
