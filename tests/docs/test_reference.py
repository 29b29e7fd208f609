import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from accounts.permissions import Permission
from audit.catalogue import EVENTS
from config.env import SETTINGS
from tests.write_reference import FOLDER, GENERATED, OUR_APPS, rewritten, routes

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
ours = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_table_is_what_the_code_says(name: str) -> None:
    lines, text = GENERATED[name](), text_of(name)
    missing = [line for line in lines if line and line not in text]
    assert not missing, f"docs/reference/{name} lacks these lines; run `make docs`"
    assert rewritten(text, lines) == text, f"docs/reference/{name} says more than the code; run `make docs`"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("settings.md", [setting.name for setting in SETTINGS]),
        ("events.md", list(EVENTS)),
        ("access-matrix.md", list(Permission)),
        ("commands.md", [f"manage.py {name}" for name, app in get_commands().items() if app in OUR_APPS]),
        ("routes.md", [route.address.replace("|", "\\|") for route in routes()]),
    ],
)
def test_nothing_is_left_out(name: str, words: list[str]) -> None:
    text = text_of(name)
    assert [word for word in words if word not in text] == []


def test_the_list_of_routes_reaches_every_face() -> None:
    addresses = {route.address for route in routes()}
    assert {"/login", "/readyz", "/api/v1/moves", "/api/2.0/mlflow/runs/create", "/admin/"} <= addresses


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the heading of each relative link."""
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target and not target.startswith("mailto:"):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """Return the anchors of a page as GitHub names them."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


@ours
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in links(page):
        assert target.exists(), target
        assert not heading or heading in headings(target), f"{target} has no #{heading}"


@ours
def test_what_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"\bSIGNOFF_[A-Z_]+\b", text)) <= {setting.name for setting in SETTINGS}
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets


def test_every_page_stands_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {target for target, _ in links(index)} | {index, ROOT / "docs" / "adr" / "0000-template.md"}
    assert {page for page in PAGES if page.is_relative_to(index.parent)} - listed == set()


def test_no_page_is_left_out_of_the_repository() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    done = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {str(page.relative_to(ROOT)) for page in PAGES} <= set(done.stdout.splitlines())
