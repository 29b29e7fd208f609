import gzip
import hashlib
import re
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (STATIC / "css/tokens.css").read_text()
    )
}
PAPERS = ("bg", "surface", "sunken")
THEMES = (0, 1)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, theme: int) -> float:
    high, low = sorted((luminance(TOKENS[one][theme]), luminance(TOKENS[other][theme])), reverse=True)
    return (high + 0.05) / (low + 0.05)


def gzipped(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


@pytest.mark.parametrize(("ink", "paper", "theme"), list(product(("text", "muted", "accent"), PAPERS, THEMES)))
def test_words_can_be_read_on_every_paper(ink: str, paper: str, theme: int) -> None:
    assert contrast(ink, paper, theme) >= 4.5


@pytest.mark.parametrize(("kind", "theme"), list(product(("neutral", "info", "ok", "warn", "bad", "special"), THEMES)))
def test_badges_can_be_read_on_their_fill(kind: str, theme: int) -> None:
    assert contrast(kind, f"{kind}-fill", theme) >= 6.5


@pytest.mark.parametrize(("paper", "theme"), list(product(PAPERS, THEMES)))
def test_controls_have_an_edge_that_can_be_seen(paper: str, theme: int) -> None:
    assert contrast("border", paper, theme) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_the_main_button_can_be_read(theme: int) -> None:
    assert contrast("on-accent", "accent", theme) >= 4.5


@pytest.mark.parametrize(
    ("line", "theme"), list(product(("champion", "canary", "reference", "limit", "third"), THEMES))
)
def test_chart_lines_can_be_seen(line: str, theme: int) -> None:
    assert contrast(f"line-{line}", "bg", theme) >= 3


def test_style_scripts_and_icons_stay_light() -> None:
    assert gzipped(*STATIC.glob("css/*.css")) <= 15_000
    assert gzipped(STATIC / "icons.svg") <= 4_000
    assert all(gzipped(script) <= 1_536 for script in STATIC.glob("js/*.js"))


def scripts_of(template: Path) -> set[str]:
    text = template.read_text()
    named = set(re.findall(r'{% script "([\w-]+)" %}', text))
    return named | {"live-pill"} if "{% live " in text else named


@pytest.mark.parametrize("template", sorted(ROOT.glob("templates/*/*.html")), ids=lambda path: path.stem)
def test_no_page_loads_more_than_8_kb_of_our_own_scripts(template: Path) -> None:
    shell = scripts_of(ROOT / "templates/base.html")
    assert len(shell) > 4
    assert gzipped(*(STATIC / f"js/{name}.js" for name in shell | scripts_of(template))) <= 8_000


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    held = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    templates = "".join(path.read_text() for path in ROOT.glob("templates/**/*.html"))
    named = set(re.findall(r'{% icon "([\w-]+)"', templates))
    named |= set(re.findall(r'{% badge "\w+" [^%]*?"([\w-]+)" %}', templates))
    tags = (ROOT / "web/templatetags/signoff.py").read_text()
    named |= set(re.findall(r'Look\("\w+", "[^"]+", "([\w-]+)"\)', tags))
    assert len(named) > 20
    assert named <= held


@pytest.mark.parametrize("sums", sorted(STATIC.glob("vendor/*/SHA256SUMS")), ids=lambda path: path.parent.name)
def test_vendored_files_are_the_ones_listed(sums: Path) -> None:
    assert (sums.parent / "LICENSE").is_file()
    for line in sums.read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((sums.parent / name).read_bytes()).hexdigest() == digest


def test_the_chart_library_is_its_makers_file_and_one_line_that_makes_it_a_module() -> None:
    theirs, ours = (STATIC / "vendor/uplot-1.6.32/uPlot.min.js").read_bytes().split(b"\nexport")
    assert hashlib.sha256(theirs).hexdigest() == "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
    assert ours == b" default uPlot;\n"
