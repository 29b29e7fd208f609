"""Wakes those who do the work. The work itself is a row; a lost hint costs the seconds until somebody looks anyway."""

from functools import cache, partial
from typing import TYPE_CHECKING

import structlog
from django.db import transaction

from core import broker

if TYPE_CHECKING:
    from celery import Celery

log = structlog.get_logger(__name__)
MOVE_ROLLOUTS = "engine.move_rollouts"
FETCH_FILES = "work.fetch_files"
LOCK_ENVIRONMENTS = "work.lock_environments"
PATIENCE_S = 0.025  # with what a busy machine adds, a request waits no longer than 50 ms for its hint


def hint(task: str) -> None:
    """Wake whoever does `task` once this transaction is committed.

    Never raises; blocks 50 ms at most, the first in a process also for as long as Celery takes to load.
    """
    transaction.on_commit(partial(send, task))


def send(task: str) -> None:
    """Wake whoever does `task`, now. The word before the dot is its queue."""
    try:
        _sender().send_task(task, queue=task.partition(".")[0], retry=False)
    except Exception as why:  # noqa: BLE001 - whatever the broker's trouble, the caller's change stands
        log.debug("hint lost", task=task, why=str(why))


@cache
def _sender() -> "Celery":
    """Return an app that only sends, and is impatient."""
    from celery import Celery  # noqa: PLC0415 - a tenth of a second of each start, and most processes never send

    sender = Celery("hints", broker=broker.celery_url(), set_as_current=False)
    sender.conf.update(
        task_ignore_result=True,
        broker_connection_timeout=PATIENCE_S,
        broker_transport_options={
            "socket_timeout": PATIENCE_S,
            "socket_connect_timeout": PATIENCE_S,
            "retry_on_timeout": False,
            "max_retries": 0,
        },
    )
    return sender
