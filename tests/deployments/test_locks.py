import pytest

from accounts.actors import Actor
from audit.models import Event
from deployments import locks
from tests.factories import make_model, make_version

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
LOCK = "numpy==2.0.0 --hash=sha256:00\n"


def test_an_environment_is_locked_once_and_the_ledger_says_so(dana: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_version(make_model(dana), dana)
    monkeypatch.setattr(locks, "_resolve", lambda _: LOCK)
    assert locks.lock_pending() == 1
    assert locks.lock_pending() == 0
    version.refresh_from_db()
    assert len(version.environment["lock"]) == 64
    assert Event.objects.filter(action="version.locked").count() == 1


def test_what_cannot_be_locked_is_tried_three_times_and_keeps_its_words(
    dana: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(make_model(dana), dana)

    def refuse(_: object) -> str:
        raise ValueError("no wheel for left-pad")

    monkeypatch.setattr(locks, "_resolve", refuse)
    for _ in range(5):
        assert locks.lock_pending() == 0
    version.refresh_from_db()
    assert (version.environment["lock_tries"], version.environment["lock_why"]) == (3, "no wheel for left-pad")


def test_the_resolver_is_the_data_planes_own_process(dana: Actor) -> None:
    version = make_version(make_model(dana), dana)
    text = locks._resolve(version)
    assert "scikit-learn==" in text
    assert "--hash=sha256:" in text
