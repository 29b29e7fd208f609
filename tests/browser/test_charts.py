"""Charts are drawn under the strict policy, read by keyboard, and say the same without a script."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.stack import Person

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]
COVERED = """() => [...document.querySelectorAll("figure.chart")].flatMap((chart) => {
    const boxes = [...chart.querySelectorAll(".u-over > .line:not([hidden]), .u-over .plot-marks a text")]
        .map((node) => [node.textContent, node.getBoundingClientRect()]).filter(([, box]) => box.width);
    const covers = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
    return boxes.flatMap(([one, a], i) =>
        boxes.slice(i + 1).filter(([, b]) => covers(a, b)).map(([other]) => `${chart.id}: ${one} / ${other}`));
})"""  # pairs of words that cover each other


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


def test_one_press_of_an_arrow_key_is_one_bucket_and_says_its_lowest_and_highest(visit: Visit) -> None:
    ada = visit("ada")
    at = [60 * minute for minute in range(0, 60, 2)]
    halves = [seconds + half for seconds in at for half in (0, 60)]
    line = [float(place) for place in range(len(halves))]
    said = json.dumps({"at": halves, "each": 2, "lines": {"p95_ms.stable": line}})
    ada.page.route("**/gallery?points=*", lambda route: route.fulfill(body=said, content_type="application/json"))
    page = ada.open("/gallery")
    page.locator("figure.chart").scroll_into_view_if_needed()
    expect(page.locator(".plot canvas")).to_be_visible()
    page.get_by_role("application", name="Latency").focus()
    for key, words in (("Home", "00:00 UTC"), ("ArrowRight", "00:02 UTC"), ("ArrowRight", "00:04 UTC")):
        page.keyboard.press(key)
        expect(page.locator(".plot-said")).to_contain_text(words)
    expect(page.locator(".plot-said")).to_contain_text("stable p95 4 to 5,")
    page.keyboard.press("End")
    expect(page.locator(".plot-said")).to_contain_text("00:58 UTC")


def all_right(route: Route) -> None:
    """Answer with the points of a chart, all predictions right: those lines end where the words of marks stand."""
    said = route.fetch().json()
    for name in (name for name in said["lines"] if name.startswith("accuracy")):
        said["lines"][name] = [value and 100 for value in said["lines"][name]]
    route.fulfill(json=said)


@pytest.mark.parametrize("state", ["canary, with a gap", "three canaries"])
def test_names_of_lines_cover_no_words_of_marks_and_no_other_names(visit: Visit, state: str) -> None:
    ada = visit("ada")
    ada.page.route("**/gallery?points=*", all_right)
    page = ada.open(f"/gallery?show=endpoints/monitoring&state={state.replace(' ', '%20')}")
    for chart in page.locator("figure.chart:has(ts-chart)").all():
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".plot canvas")).to_be_visible()
        expect(chart.locator(".u-over .line").first).to_be_attached()
    assert page.evaluate(COVERED) == []


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
