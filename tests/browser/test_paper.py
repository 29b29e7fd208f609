"""What is printed: the audit and the review, long enough for several pages."""

from collections.abc import Callable

import pytest

from tests.browser.paper import words_of
from tests.browser.stack import Person, Stack

pytestmark = pytest.mark.browser
Visit = Callable[..., Person]
ROWS = 110
PREPARE = """
import django
django.setup()
from accounts.actors import Via, person
from accounts.models import User
from audit import seal
from registry import discussion
from tests.factories import ask_production, make_model, make_version
dana = person(User.objects.get(username="dana"), Via.PASSWORD)
request = ask_production(make_version(make_model(dana, "On-Paper"), dana), dana)
for number in range(ROWS):
    words = "a reason over more than one line " * (1 + number % 4)
    discussion.add_comment(request, body=f"begin{number:03} {words}end{number:03}", actor=dana)
seal.seal()
print(request.pk)
""".replace("ROWS", str(ROWS))


@pytest.fixture(scope="module")
def number(stack: Stack) -> int:
    """A request with a long discussion."""
    return int(stack.django(PREPARE))


def printed(person: Person, path: str) -> list[str]:
    """Return the words of each page, having checked what each has at its head and foot."""
    page = person.open(path)
    page.wait_for_load_state("networkidle")
    root = page.locator(".print-head").text_content().split("root ")[1].split(".")[0]  # type: ignore[union-attr]
    pages = words_of(page.pdf(prefer_css_page_size=True))
    assert len(root) == 64
    for at, words in enumerate(pages, start=1):
        assert f"page{at}of{len(pages)}" in words
        assert f"{path}.Printed2" in words
        assert f"by{'aude'}." in words
        assert f"root{root}." in words
    return pages


def assert_whole(pages: list[str]) -> None:
    """Each piece of the discussion is on one page, none on two, none is lost."""
    for number in range(ROWS):
        having = [at for at, words in enumerate(pages) if f"begin{number:03}" in words]
        assert having, number
        for at in having:
            assert f"end{number:03}" in pages[at].partition(f"begin{number:03}")[2], (number, at)


def test_each_page_of_the_audit_has_its_head_its_root_and_whole_rows(visit: Visit, number: int) -> None:
    assert number
    pages = printed(visit("aude"), "/audit?model=On-Paper&per=250")
    assert 2 < len(pages) < 16, "rows are neither lost nor a page each"
    for words in pages:
        assert "#WhenWho(role)ActionObjectCommentorchange" in words
    assert_whole(pages)


def test_each_page_of_a_review_has_its_root_and_whole_comments(visit: Visit, number: int) -> None:
    pages = printed(visit("aude"), f"/approvals/{number}")
    assert 2 < len(pages) < 24
    assert_whole(pages)
    digests = [words.split("Subject")[1][:64] for words in pages if "Youdecideonexactlythis:Subject" in words]
    assert len(digests) == 1
    assert set(digests[0]) <= set("0123456789abcdef"), "on paper a digest is written out"
