"""Whoever listens to webhooks."""

from collections.abc import Iterator

import pytest

from tests.registry.webhooks.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server on loopback that takes what is sent."""
    made = Receiver()
    yield made
    made.close()
