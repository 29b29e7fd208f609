from pathlib import Path

import pytest

from tests import lint_templates

CLEAN = """{# style: how it looks; onclick="never" #}
{% comment %}<script>alert()</script>{% endcomment %}
<script src="{% static 'js/app.js' %}" defer></script>
<a href="https://mlflow.org" title="an inline style=bold">out</a>
{% include "components/button.html" with style="danger" %}
<img src="{{ picture }}" alt="">
<div {% if wide > 3 %}class="wide"{% endif %}>on the way</div>
"""


def test_a_clean_template_has_no_findings() -> None:
    assert lint_templates.in_template(CLEAN) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<script>alert(1)</script>", "inline <script>"),
        ("<script\n type='module'>", "inline <script>"),
        ("<style>p {}</style>", "<style> block"),
        ('<p style="color: red">', "style attribute"),
        ("<p STYLE=x>", "style attribute"),
        ('<svg><path style="fill: red"/></svg>', "style attribute"),
        ('<button onclick="go()">', "handler onclick"),
        ('<div hx-on:click="go()">', "handler hx-on:click"),
        ('<div hx-on="click: go()">', "handler hx-on"),
        ('<a href="javascript:go()">', "javascript:"),
        ('{% include "link.html" with href="javascript:go()" %}', "javascript:"),
        ('<img src="https://example.org/a.png">', "external src"),
        ('<script src="//example.org/a.js"></script>', "external src"),
        ('<link rel="stylesheet" href="http://example.org/a.css">', "external href"),
    ],
)
def test_each_thing_the_policy_blocks_is_found(text: str, words: str) -> None:
    (finding,) = lint_templates.in_template(text)
    assert words in finding.sentence


def test_a_finding_names_the_line_even_below_a_long_django_tag() -> None:
    (finding,) = lint_templates.in_template('{% comment %}\n\n{% endcomment %}\n<p>\n<b style="x"></b>')
    assert finding.line == 5


@pytest.mark.parametrize(
    "text", ["a { color: #fff }", "a { color: #12AB34; }", "a { &:hover { border: 1px solid #abcd } }"]
)
def test_a_raw_colour_in_a_stylesheet_is_found(text: str) -> None:
    assert len(lint_templates.in_stylesheet(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["#face { color: var(--ink) }", "a:hover #add { top: 0 }", "/* a: #fff; */", "a { fill: url(#abc) }", "a { b: 1 }"],
)
def test_a_selector_a_comment_or_a_fragment_is_no_colour(text: str) -> None:
    assert lint_templates.in_stylesheet(text) == []


def test_only_the_tokens_and_vendored_files_may_hold_raw_colours(tmp_path: Path) -> None:
    for name in ("static/css/tokens.css", "static/vendor/x/x.css", "static/css/page.css"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a {\n color: #fff;\n}")
    assert [(name, finding.line) for name, finding in lint_templates.findings(tmp_path)] == [("static/css/page.css", 2)]
