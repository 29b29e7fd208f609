from collections.abc import Callable

import pytest

from config.management.commands import tick
from config.periodic import Periodic


def turns(count: int, pauses: list[float]) -> Callable[[float], bool]:
    def stopped(pause_s: float) -> bool:
        pauses.append(pause_s)
        return len(pauses) > count

    return stopped


def fail() -> None:
    raise RuntimeError("the disk is full")


pytestmark = pytest.mark.django_db


def test_work_that_fails_gets_its_next_turn_and_stops_nothing() -> None:
    done: list[str] = []
    work = [Periodic("broken", 0, fail), Periodic("fine", 0, lambda: done.append("fine"))]
    tick.loop(work, turns(3, []))
    assert done == ["fine"] * 3


def test_work_that_is_not_due_waits() -> None:
    done: list[str] = []
    pauses: list[float] = []
    tick.loop([Periodic("hourly", 3600, lambda: done.append("x"))], turns(2, pauses))
    assert done == ["x"]
    assert pauses[0] == 0
    assert pauses[1] == tick.LONGEST_PAUSE_S


def test_without_work_the_loop_rests() -> None:
    pauses: list[float] = []
    tick.loop([], turns(2, pauses))
    assert pauses == [0, tick.LONGEST_PAUSE_S, tick.LONGEST_PAUSE_S]
