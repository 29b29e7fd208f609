from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.stack import Person, Stack, chromium


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("browser") / "home")
    yield stack
    stack.stop()


@pytest.fixture
def visit(stack: Stack, chrome: Browser) -> Iterator[Callable[..., Person]]:
    """Give people browsers: `visit("rita", color_scheme="dark")`."""
    people: list[Person] = []

    def arrive(name: str, **options: Any) -> Person:
        people.append(Person(stack, chrome, name, **options))
        return people[-1]

    yield arrive
    for person in people:
        person.context.close()
