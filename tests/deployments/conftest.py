from pathlib import Path
from typing import Any

import pytest

from deployments.targets.kinds import target
from deployments.targets.local.target import LocalTarget
from serving.contract import Layout
from tests.deployments.hands import Hands


@pytest.fixture
def hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """A local target on a home of its own, with runner and router played."""
    place = target("local")
    assert isinstance(place, LocalTarget)
    monkeypatch.setattr(place, "layout", Layout(tmp_path))
    return Hands(tmp_path)


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The digest that stands for a locked environment."""
    return "e" * 64
