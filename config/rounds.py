"""A worker's own rounds: it says that it lives and, as the engine, looks for rollouts when no hint came."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from celery import bootsteps
from django.db import close_old_connections

from config import tasks
from core.home import beat
from deployments.batch.desk import Desk
from deployments.upkeep import look_after

log = structlog.get_logger(__name__)
BEAT_S = 2.0
ENGINE_S = 5.0
UPKEEP_S = 60.0
FILES_S = 0.3
T = TypeVar("T")


class Rounds(bootsteps.StartStopStep):  # type: ignore[misc]
    """A thread beside the consumer. It needs no broker: without one rollouts go on, a little later."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.queues = set(worker.app.amqp.queues.consume_from)
        self.stopping = threading.Event()

    def start(self, parent: Any) -> None:
        """Begin."""
        del parent
        threading.Thread(target=self._go_round, daemon=True, name="rounds").start()
        if "work" in self.queues:
            threading.Thread(target=self._score_files, daemon=True, name="files").start()

    def stop(self, parent: Any) -> None:
        """End after the present round."""
        del parent
        self.stopping.set()

    terminate = stop

    def _go_round(self) -> None:
        due, upkeep = 0.0, time.monotonic() + UPKEEP_S
        while not self.stopping.is_set():
            for queue in self.queues:
                beat(queue)
            if "engine" in self.queues and time.monotonic() >= due:
                due = time.monotonic() + (0.0 if self._do(tasks.move_rollouts) else ENGINE_S)
            if "engine" in self.queues and time.monotonic() >= upkeep:
                upkeep = time.monotonic() + UPKEEP_S
                self._do(look_after)
            self.stopping.wait(BEAT_S if due > time.monotonic() else tasks.PAUSE_S)

    def _score_files(self) -> None:
        """Work on files to be scored; what is in hand when the worker stops is begun again where it was."""
        desk = None
        while not self.stopping.is_set():
            desk = desk or self._do(Desk)
            in_hand = desk and self._do(desk.turn)
            self.stopping.wait(FILES_S if in_hand else BEAT_S)
        if desk:
            self._do(desk.close)

    def _do(self, work: Callable[[], T]) -> T | None:
        close_old_connections()
        try:
            return work()
        except Exception:
            log.exception("a round failed", work=getattr(work, "__qualname__", ""))
            return None
        finally:
            close_old_connections()
