"""The thread of the worker `work` that scores files: it goes on after a fault, and ends what it began."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from config import rounds
from config.rounds import Rounds
from tests.serving.waiting import until

pytestmark = pytest.mark.django_db(transaction=False)


class Desk:
    """Fails at its first turn, and has a file in hand from then on."""

    def __init__(self) -> None:
        self.turns, self.is_closed, self.has_worked = 0, False, threading.Event()
        desks.append(self)

    def turn(self) -> int:
        self.turns += 1
        if self.turns == 1:
            raise OSError("the database was away")
        if self.turns == 3:
            self.has_worked.set()
        return 1

    def close(self) -> None:
        self.is_closed = True


desks: list[Desk] = []


def worker(queue: str) -> Any:
    """Return as much of a Celery worker as a boot step asks for."""
    return SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=[queue]))))


def test_it_goes_on_after_a_fault_and_ends_what_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FILES_S", "BEAT_S"):
        monkeypatch.setattr(rounds, name, 0.01)
    monkeypatch.setattr(rounds, "Desk", Desk)
    monkeypatch.setattr(rounds, "beat", lambda _: None)
    desks.clear()
    made = Rounds(worker("work"))
    made.start(None)
    until(lambda: desks)
    assert desks[0].has_worked.wait(10)
    made.stop(None)
    thread = next((one for one in threading.enumerate() if one.name == "files"), None)
    if thread:
        thread.join(10)
    assert desks[0].is_closed
    assert len(desks) == 1


def test_the_engine_scores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "Desk", Desk)
    monkeypatch.setattr(rounds.Rounds, "_go_round", lambda _: None)
    desks.clear()
    Rounds(worker("engine")).start(None)
    assert not any(thread.name == "files" for thread in threading.enumerate())
    assert not desks
