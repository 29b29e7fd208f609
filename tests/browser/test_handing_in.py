"""A version registered by upload, with and without script: two clicks and three fields."""

import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.stack import Person
from tests.factories import MLMODEL

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]


def archive(folder: Path, *, mlmodel: bool = True) -> Path:
    place = folder / ("model.zip" if mlmodel else "empty.zip")
    with zipfile.ZipFile(place, "w") as made:
        if mlmodel:
            made.writestr("model/MLmodel", MLMODEL)
        made.writestr("model/weights.bin", "w" * 3_000_000)
    return place


def hand_in(page: Page, name: str, file: Path) -> None:
    page.get_by_role("link", name="Register version").click()
    page.get_by_label("Model", exact=True).fill(name)
    page.get_by_label("Files", exact=True).set_input_files(file)
    page.get_by_label("Description").fill("by hand")
    page.get_by_role("button", name="Register version").click()


@pytest.mark.parametrize("script", ["script", "no script"])
def test_a_version_is_registered_by_two_clicks_and_three_fields(visit: Visit, tmp_path: Path, script: str) -> None:
    name = f"Handed-{script[:2]}"
    dana = visit("dana", java_script_enabled=script == "script")
    page = dana.open("/models")
    hand_in(page, name, archive(tmp_path, mlmodel=False))
    refused = page.get_by_role("alert")
    expect(refused).to_contain_text("There is no file MLmodel")
    box = refused.locator("li").bounding_box()
    assert box
    assert box["width"] > 200, "words stand in a line, not letter below letter"
    page.get_by_label("Files", exact=True).set_input_files(archive(tmp_path))
    page.get_by_role("button", name="Register version").click()
    expect(page).to_have_url(re.compile(f"/models/{name}/versions/1$"))
    expect(page.get_by_text("its files are frozen")).to_be_visible()


@pytest.mark.parametrize(
    "look", [{"viewport": {"width": 320, "height": 800}}, {"color_scheme": "dark"}], ids=["light-320", "dark-1280"]
)
def test_the_bar_shows_while_files_go(visit: Visit, tmp_path: Path, look: dict[str, object]) -> None:
    dana = visit("dana", **look)
    page = dana.open("/new-version")
    held: list[Route] = []
    page.route("**/new-version", lambda route: held.append(route))  # noqa: PLW0108 - it is marked
    page.get_by_label("Model", exact=True).fill("Under-way")
    page.get_by_label("Files", exact=True).set_input_files(archive(tmp_path))
    page.get_by_role("button", name="Register version").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    dana.judge()
    assert len(held) == 1
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/bar-{'dark' if 'color_scheme' in look else 'light'}.png")
    held[0].abort()
    expect(page.get_by_role("alert")).to_contain_text("cut off")
