"""Wakes those who do the work. The work itself is a row; a lost hint costs the seconds until somebody looks anyway."""

from functools import cache, partial

import structlog
from celery import Celery
from django.db import transaction

from core import broker

log = structlog.get_logger(__name__)
MOVE_ROLLOUTS = "engine.move_rollouts"
LOCK_ENVIRONMENTS = "work.lock_environments"
PATIENCE_S = 0.04  # a request waits no longer than 50 ms for its hint


def hint(task: str) -> None:
    """Wake whoever does `task` once this transaction is committed. Never raises; blocks 50 ms at most."""
    transaction.on_commit(partial(send, task))


def send(task: str) -> None:
    """Wake whoever does `task`, now. The word before the dot is its queue."""
    try:
        _sender().send_task(task, queue=task.partition(".")[0], retry=False)
    except Exception as why:  # noqa: BLE001 - whatever the broker's trouble, the caller's change stands
        log.debug("hint lost", task=task, why=str(why))


@cache
def _sender() -> Celery:
    """Return an app that only sends, and is impatient."""
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
