"""What people write, as markup: paragraphs, lists, emphasis, code, links. Never HTML of theirs, never a picture."""

import re
from collections.abc import Sequence
from typing import Any

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

LINKED = re.compile(r"(https?://|mailto:)\S", re.IGNORECASE)
REL = "nofollow noopener noreferrer"


class _Written(MarkdownIt):
    """CommonMark without HTML and images; what is no link to the web or to a mailbox stays text."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        """Whether the address may be followed: by http, https or mail, and written out whole."""
        return LINKED.match(url.strip()) is not None


def _link(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    tokens[place].attrSet("rel", REL)
    return renderer.renderToken(tokens, place, options, env)


def _fixed(markup: str) -> Any:
    return lambda *_: markup


WRITTEN = _Written("commonmark", {"html": False, "breaks": True}).disable(["html_block", "html_inline", "image"])
WRITTEN.add_render_rule("link_open", _link)
WRITTEN.add_render_rule("heading_open", _fixed("<p><strong>"))  # the page has headings of its own
WRITTEN.add_render_rule("heading_close", _fixed("</strong></p>\n"))


def rendered(text: str) -> SafeString:
    """Return `text` as markup that is safe on a page: all of it is made here, and what it says is escaped."""
    return SafeString(WRITTEN.render(text))
