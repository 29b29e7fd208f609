"""Refuses in templates what the content security policy would block, and colours outside the tokens.

Run as `python -m tests.lint_templates`; prints one `file:line: sentence` for each finding.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOKENS = "static/css/tokens.css"
VENDOR = "static/vendor/"

DJANGO = re.compile(r"{%\s*comment\b.*?%}.*?{%\s*endcomment\s*%}|{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A declaration, not a selector: it ends with ; or }. url(#name) points into an SVG.
HEX_COLOUR = re.compile(r":[^;{}]*?(?<!url\()(#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}))\b[^;{}]*[;}]", re.IGNORECASE)
SCRIPT_URL = re.compile(r"javascript\s*:", re.IGNORECASE)
EXTERNAL = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
LOADING_TAGS = {"script", "link", "img"}


@dataclass(frozen=True)
class Finding:
    """One thing to mend and the line it stands on."""

    line: int
    sentence: str


def blanked(pattern: re.Pattern[str], text: str) -> str:
    """Return `text` with each match made of spaces, so that line numbers still hold."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def line_of(text: str, position: int) -> int:
    """Return the line, from 1, that `position` stands on."""
    return text.count("\n", 0, position) + 1


def tag_sentences(tag: str, attributes: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with one start tag."""
    if tag == "script" and "src" not in attributes:
        yield "an inline <script>: put it into static/js and load it by src"
    if tag == "style":
        yield "a <style> block: put it into static/css"
    for name, value in attributes.items():
        if name == "style":
            yield "a style attribute: use a class"
        if name.startswith(("on", "hx-on")):
            yield f"the handler {name}: listen in static/js"
        if name in {"src", "href"} and tag in LOADING_TAGS and EXTERNAL.match(value):
            yield f"an external {name}: keep a copy in static/vendor"


class Page(HTMLParser):
    """Collects the findings of one template whose Django tags are blanked."""

    def __init__(self) -> None:
        super().__init__()
        self.findings: list[Finding] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge one start tag."""
        attributes = {name: value or "" for name, value in attrs}
        line, _ = self.getpos()
        self.findings += [Finding(line, sentence) for sentence in tag_sentences(tag, attributes)]


def in_template(text: str) -> list[Finding]:
    """Return the findings of one template, by line."""
    page = Page()
    page.feed(blanked(DJANGO, text))
    page.close()
    scripted = [Finding(line_of(text, match.start()), "a javascript: address") for match in SCRIPT_URL.finditer(text)]
    return sorted(page.findings + scripted, key=lambda finding: finding.line)


def in_stylesheet(text: str) -> list[Finding]:
    """Return the raw colours of one stylesheet."""
    matches = HEX_COLOUR.finditer(blanked(CSS_COMMENT, text))
    return [
        Finding(line_of(text, match.start(1)), f"the raw colour {match[1]}: name it in {TOKENS}") for match in matches
    ]


def findings(root: Path) -> Iterator[tuple[str, Finding]]:
    """Yield each finding under `root` with its file's path from there."""
    for path in sorted([*root.glob("templates/**/*.html"), *root.glob("web/**/*.html"), *root.glob("static/**/*.css")]):
        name = path.relative_to(root).as_posix()
        if name != TOKENS and not name.startswith(VENDOR):
            judge = in_stylesheet if path.suffix == ".css" else in_template
            yield from ((name, finding) for finding in judge(path.read_text()))


def main() -> int:
    """Print the findings; return 1 when there is one."""
    found = list(findings(ROOT))
    for name, finding in found:
        print(f"{name}:{finding.line}: {finding.sentence}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
