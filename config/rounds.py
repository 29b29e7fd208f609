"""A worker's own rounds: it says that it lives and, as the engine, looks for rollouts when no hint came."""

import threading
import time
from typing import Any

import structlog
from celery import bootsteps
from django.db import close_old_connections

from config import tasks
from core.home import beat

log = structlog.get_logger(__name__)
BEAT_S = 2.0
ENGINE_S = 5.0


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

    def stop(self, parent: Any) -> None:
        """End after the present round."""
        del parent
        self.stopping.set()

    terminate = stop

    def _go_round(self) -> None:
        due = 0.0
        while not self.stopping.is_set():
            for queue in self.queues:
                beat(queue)
            if "engine" in self.queues and time.monotonic() >= due:
                due = time.monotonic() + (0.0 if self._look() else ENGINE_S)
            self.stopping.wait(BEAT_S if due > time.monotonic() else tasks.PAUSE_S)

    def _look(self) -> bool:
        close_old_connections()
        try:
            return tasks.move_rollouts()
        except Exception:
            log.exception("rollouts not moved on", again_in_s=ENGINE_S)
            return False
        finally:
            close_old_connections()
