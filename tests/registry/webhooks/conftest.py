from collections.abc import Iterator

import pytest

from tests.registry.webhooks.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()
