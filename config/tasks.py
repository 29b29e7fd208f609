"""What the Celery workers do. Each task calls one function that may be called late, twice or by two workers at once."""

import threading
import time
from collections.abc import Callable

from celery import Celery

from config.periodic import DEPLOYING, SCHEDULED, Periodic
from core import hints, slots
from deployments import engine

ALL = {piece.name: piece for piece in SCHEDULED + DEPLOYING}
ROUND_S, PAUSE_S = 2.0, 0.2  # short, so that a worker asked to stop does
_one_at_a_time = threading.Lock()


def register(app: Celery) -> None:
    """Make the tasks known to `app`."""
    app.task(_move_and_call_again, name=hints.MOVE_ROLLOUTS)
    app.task(run_scheduled, name="work.scheduled")
    for piece in DEPLOYING:
        app.task(_task_of(piece), name=piece.name)


def move_rollouts() -> bool:
    """Move rollouts on for as long as some are under way, `ROUND_S` at most; return whether any still is.

    A second caller in this process returns at once: both would hold the same claim.
    """
    if not _one_at_a_time.acquire(blocking=False):
        return False
    try:
        until = time.monotonic() + ROUND_S
        while (claimed := engine.turn()) and time.monotonic() < until:
            time.sleep(PAUSE_S)
    finally:
        _one_at_a_time.release()
    return bool(claimed)


def _move_and_call_again() -> None:
    if move_rollouts():
        hints.send(hints.MOVE_ROLLOUTS)


def run_scheduled(name: str) -> None:
    """Do a piece of scheduled work, unless its turn was taken: duplicate schedulers are harmless."""
    piece = ALL[name]
    if slots.take(name, piece.every_s):
        piece.run()


def _task_of(piece: Periodic) -> Callable[[], None]:
    def run() -> None:
        piece.run()

    return run
