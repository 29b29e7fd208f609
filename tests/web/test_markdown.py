"""Written text becomes markup on pages: what people mean by it, and nothing that runs, loads or leads elsewhere."""

import re
import time
from html.parser import HTMLParser

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.actors import Actor
from registry import decisions, discussion, requests, versions
from registry.policy import StageMove
from registry.stages import Stage
from tests.factories import make_model, make_version
from web.markdown import rendered

TAGS = {"p", "strong", "em", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br", "a"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onmouseover=alert(1)>b</b>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/account/tokens)",
    "[x](\\\\evil.example)",
    "<javascript:alert(1)>",
    "![i](https://evil.example/i.png)",
    '[x](https://ok.example "t\\" onclick=alert(1) x=\\"")',
    "[x]: javascript:alert(1)\n\n[x]",
    "```x onload=alert(1)\ncode\n```",
    "`<script>`\"'><svg onload=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!-- --><a href=javascript:x>y</a>",
]


class Reader(HTMLParser):
    """Holds markup to the few tags and attributes that may be there."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check one tag."""
        assert tag in TAGS, tag
        said = dict(attrs)
        if tag == "a":
            assert re.match(r"(https?://|mailto:)", said.pop("href") or "", re.IGNORECASE)
            assert said.pop("rel") == "nofollow noopener noreferrer"
            said.pop("title", None)
        if tag == "code":
            assert (said.pop("class", None) or "language-").startswith("language-")
        said.pop("start", None) if tag == "ol" else None
        assert not said, (tag, said)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    Reader().feed(rendered(text))
    assert not re.search(r"<(script|img|svg|b[ >]|a href=.?javascript)", rendered(text), re.IGNORECASE)


@given(
    st.lists(
        st.sampled_from([*HOSTILE, "*", "_", "`", "[", "](", ")", "<", ">", "\n", "\n\n", "# ", "- ", "> ", "\\", "a"])
    )
)
def test_no_mixture_of_them_makes_another_tag(parts: list[str]) -> None:
    Reader().feed(rendered("".join(parts)))


def test_what_people_mean_is_shown() -> None:
    text = "# Why\n**much** *better* `auc`\nnext line\n\n- a\n- b\n\n"
    text += "[paper](https://example.org/x?a=1&b=2) <mailto:a@b.example>"
    assert rendered(text) == (
        "<p><strong>Why</strong></p>\n"
        "<p><strong>much</strong> <em>better</em> <code>auc</code><br />\nnext line</p>\n"
        "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"
        '<p><a href="https://example.org/x?a=1&amp;b=2" rel="nofollow noopener noreferrer">paper</a> '
        '<a href="mailto:a@b.example" rel="nofollow noopener noreferrer">mailto:a@b.example</a></p>\n'
    )


@pytest.mark.parametrize(
    "part", ["[", "*", "**a", "`", "> ", "- ", "![](", "[a](", "<", "_a_*", "\n- " * 2, "[x]: y\n"]
)
def test_the_longest_comment_is_rendered_at_once(part: str) -> None:
    began = time.process_time()
    rendered((part * 10_000)[:10_000])
    assert time.process_time() - began < 2


@pytest.mark.django_db
def test_reason_discussion_decision_and_note_show_it(dana: Actor, rita: Actor, client: Client) -> None:
    version = make_version(make_model(dana), dana)
    text = "**bold** <img src=x onerror=alert(1)> [ok](https://example.org)"
    move = StageMove(Stage.NONE, Stage.PRODUCTION, archive_existing=True)
    asked = requests.open_request(version, move, reason=text, actor=dana).request
    discussion.add_comment(asked, body=text, actor=dana)
    choice = decisions.Choice(
        decisions.Verdict.APPROVE, asked.subject_digest, text, [check.pk for check in asked.checks.all()]
    )
    decisions.decide(asked, choice, actor=rita)
    versions.annotate(version, title="note", body=text, actor=dana)
    client.force_login(rita.person, backend="django.contrib.auth.backends.ModelBackend")
    review = client.get(f"/approvals/{asked.pk}").content.decode()
    note = client.get(f"/models/{version.model.name}/versions/1").content.decode()
    link = '<a href="https://example.org" rel="nofollow noopener noreferrer">ok</a>'
    assert review.count(f"<strong>bold</strong> &lt;img src=x onerror=alert(1)&gt; {link}") == 3
    assert link in note
    assert "<img src=x" not in review + note
