"""What is done by keys: the palette, going, editing, lists, forms."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.stack import Person, Stack
from tests.browser.test_pages import prepared

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]


def test_the_palette_asks_for_production_without_a_mouse(stack: Stack, visit: Visit) -> None:
    prepared(stack, "By-Palette", ask=False)
    dana = visit("dana")
    page = dana.open("/models/By-Palette")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    expect(page.get_by_role("link", name="Request Production for v2")).to_be_visible()
    dana.judge()
    page.keyboard.type("production")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Request Production for v2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/versions/2#move-Production$"))
    expect(page.get_by_role("dialog").get_by_label("Why")).to_be_visible()
    page.get_by_label("Why").fill("ready")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(r"/approvals/\d+$"))


def test_the_palette_finds_a_version_and_enter_opens_it(stack: Stack, visit: Visit) -> None:
    prepared(stack, "Found-By-Name", ask=False)
    page = visit("rita").open("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("found v2")
    expect(page.get_by_role("link", name="Found-By-Name v2")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/models/Found-By-Name/versions/2$"))


def test_the_palette_falls_back_to_its_own_links(visit: Visit) -> None:
    rita = visit("rita")
    page = rita.open("/models")

    def fail(route: Route) -> None:
        route.abort()

    page.route("**/palette*", fail)
    page.keyboard.press("Control+k")
    page.keyboard.type("aud")
    expect(page.get_by_role("link", name="Audit").last).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/audit$"))


@pytest.mark.parametrize(
    ("key", "path"),
    [("m", "/models"), ("a", "/approvals"), ("d", "/deployments"), ("e", "/endpoints"), ("l", "/audit")],
)
def test_g_and_a_letter_go(visit: Visit, key: str, path: str) -> None:
    page = visit("rita").open("/help/keys")
    page.keyboard.press("g")
    page.keyboard.press(key)
    expect(page).to_have_url(re.compile(f"{path}$"))


def test_lists_dialogs_and_menus_obey_their_keys(stack: Stack, visit: Visit) -> None:
    prepared(stack, "By-Keys", ask=False)
    page = visit("dana").open("/models/By-Keys")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("e")
    expect(page.get_by_role("dialog", name="Edit this model")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("details.menu > summary").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Preferences").first).to_be_hidden()
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"/compare\?v=2&v=1$"))
    page = visit("dana").open("/models?q=By-Keys")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/models/By-Keys$"))
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search models")).to_be_focused()


def test_single_keys_that_are_off_do_nothing(visit: Visit) -> None:
    olga = visit("olga")
    page = olga.open("/account/settings")
    page.get_by_label("Single keys work").uncheck()
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("Kept.")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Go to")).to_be_visible()
    olga.stack.django(
        "import django; django.setup(); from accounts.models import User; "
        "User.objects.filter(username='olga').update(single_keys=True)"
    )


def test_local_times_are_shown_with_their_zone_and_never_in_the_ledger(visit: Visit) -> None:
    eli = visit("eli", timezone_id="Asia/Kolkata")
    page = eli.open("/account/settings")
    page.get_by_label("Times").select_option("local")
    page.get_by_role("button", name="Keep").click()
    page = eli.open("/gallery?show=models/list&state=usual")
    shown = page.locator("rel-time .local").first
    expect(shown).to_have_text(re.compile(r"^2026-11-24 14:44:03 (GMT\+5:30|IST|UTC\+5:30)$"))
    expect(page.locator("rel-time .print-only").first).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator("rel-time .print-only").first).to_have_text("2026-11-24 09:14:03 UTC")
    expect(shown).to_be_hidden()
    page.emulate_media(media="screen")
    page = eli.open("/audit")
    expect(page.locator("tbody .local")).to_have_count(0)
    expect(page.locator("tbody time").first).to_have_text(re.compile("UTC$"))
