"""The two journeys that governance rests on, without a mouse: from the inbox to a decision, from a filter to paper."""

import csv
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paper import words_of
from tests.browser.stack import Person, Stack
from tests.browser.test_pages import prepared

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]
MOST_TABS = 120
FOCUSED = """(() => { const it = document.activeElement
  if (!it.matches('a, button, summary, input, select, textarea')) return ''
  return it.labels?.[0]?.innerText || it.innerText || '' })()"""


def reach(page: Page, name: str) -> None:
    """Press Tab until what is called `name` has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if re.search(name, page.evaluate(FOCUSED)):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_rita_goes_from_her_inbox_to_a_decision(stack: Stack, visit: Visit) -> None:
    number = prepared(stack, "From-Inbox", ask=True)
    page = visit("rita").open("/")
    reach(page, "^Approvals")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/approvals$"))
    reach(page, f"#{number} From-Inbox v2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("From-Inbox v2 → Production")
    reach(page, "^Decide$")
    page.keyboard.press("Enter")
    expect(page.locator("#decision-comment")).to_be_focused()
    page.keyboard.type("Read the difference; better on thin files.")
    reach(page, "Approve v2 for Production")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Approved. The ledger has your decision and comment.")).to_be_visible()
    expect(page.get_by_text("Read the difference; better on thin files.").first).to_be_visible()


def test_aude_filters_verifies_exports_and_prints(stack: Stack, visit: Visit) -> None:
    prepared(stack, "For-Aude", ask=True)
    aude = visit("aude")
    page = aude.open("/")
    reach(page, "^Audit$")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/audit$"))
    reach(page, "^Person$")
    page.keyboard.type("dana")
    reach(page, "^Model$")
    page.keyboard.type("For-Aude")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("person=dana.*model=For-Aude"))
    reach(page, "^Export")
    page.keyboard.press("Enter")
    reach(page, "as CSV")
    with page.expect_download() as begun:
        page.keyboard.press("Enter")
    rows = list(csv.DictReader(begun.value.path().read_text().splitlines()))
    assert rows
    assert {row["actor"] for row in rows} == {"dana"}
    printed = "".join(words_of(page.pdf(prefer_css_page_size=True)))
    assert "request.opened" in printed
    assert "root" in printed
    reach(page, "^Verify now$")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The ledger is whole")).to_be_visible()
    aude.judge()
