"""Charts are drawn under the strict policy, read by keyboard, and say the same without a script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.stack import Person

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_drawn_in_the_colours_of_its_theme_once_it_comes_near(visit: Visit, scheme: str) -> None:
    ada = visit("ada", color_scheme=scheme)
    fetched: list[str] = []
    ada.page.on("request", lambda request: fetched.append(request.url))
    page = ada.open("/gallery")
    assert not any("uPlot" in address for address in fetched)
    page.locator("figure.chart").scroll_into_view_if_needed()
    expect(page.locator(".plot canvas")).to_be_visible()
    names = [f"{track} {part}" for track in ("stable", "canary") for part in ("p50", "p95", "p99")]
    expect(page.locator(".u-over .line")).to_have_text(names)
    ink = page.locator(".u-over .line-canary").first.evaluate("node => getComputedStyle(node).color")
    assert ink == {"light": "rgb(181, 83, 10)", "dark": "rgb(242, 166, 90)"}[scheme]
    assert page.locator(".plot canvas").evaluate(f"""canvas => {{
        const [r, g, b] = {ink.removeprefix("rgb").replace("(", "[").replace(")", "]")};
        const {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4)
            if (data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255) return true;
        return false }}""")
    ada.judge()


def test_arrow_keys_read_a_chart_out_and_a_held_key_does_not_chatter(visit: Visit) -> None:
    page = visit("ada").open("/gallery")
    page.locator("figure.chart").scroll_into_view_if_needed()
    expect(page.locator(".plot canvas")).to_be_visible()
    page.get_by_role("application", name="Latency").focus()
    page.keyboard.press("Home")
    spoken = page.locator("ts-chart [role=status]")
    expect(spoken).to_have_text(re.compile("^2026-11-24 09:00 UTC, stable p50 [0-9.]+, .*canary p95 not measured"))
    page.keyboard.down("ArrowRight")
    expect(page.locator(".plot-said")).to_contain_text("09:01 UTC")
    expect(spoken).to_contain_text("09:00 UTC")
    page.keyboard.up("ArrowRight")
    expect(spoken).to_contain_text("09:01 UTC")
    page.keyboard.press("End")
    expect(spoken).to_contain_text("14:59 UTC")


def test_a_chart_marks_what_happened_and_leads_to_it(visit: Visit) -> None:
    page = visit("ada").open("/gallery")
    page.locator("figure.chart").scroll_into_view_if_needed()
    marks = page.locator(".u-over .plot-marks a")
    expect(marks).to_have_count(3)
    assert marks.first.get_attribute("href") == "/deployments/8"


def test_without_scripts_the_table_says_what_the_chart_would(visit: Visit) -> None:
    page = visit("ada", java_script_enabled=False).open("/gallery")
    expect(page.locator("ts-chart")).to_be_hidden()
    expect(page.locator("figure.chart table")).to_be_visible()


def test_a_page_of_charts_is_complete_after_12_requests(visit: Visit) -> None:
    ada = visit("ada")
    ada.page.goto("about:blank")  # home asks for its news on and on
    fetched: list[str] = []
    ada.page.on("request", lambda request: fetched.append(request.url))
    page = ada.open("/gallery?show=endpoints/monitoring&state=canary,%20with%20a%20gap")
    expect(page.locator(".plot canvas").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert len(fetched) <= 12, "\n".join(fetched)
