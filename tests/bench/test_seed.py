"""What timings are taken on is a true home: replaying its ledger finds every row as it is told."""

import pytest

from audit import seal
from audit.models import Event, Mismatch
from deployments import replayed
from tests.bench import seed

pytestmark = pytest.mark.django_db


def test_the_home_that_timings_fill_agrees_with_its_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "DAYS", 1)
    seed.fill(models=3, versions=2, events=120)
    seal.seal()
    assert replayed.replay_state().found == 0, [vars(row) for row in Mismatch.objects.all()]
    assert Event.objects.count() == 120
