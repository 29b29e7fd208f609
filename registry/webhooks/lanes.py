"""Threads that send: one for each webhook that has something due, so that a slow receiver delays its own only."""

import threading
import uuid

import structlog
from django.db import close_old_connections, connections

from registry.webhooks import deliveries, sending

log = structlog.get_logger(__name__)
MANY = 8
_busy: set[uuid.UUID] = set()
_lock = threading.Lock()


def start() -> None:
    """Make out what is due and start a lane for each webhook that has none; return at once."""
    deliveries.make_out()
    for webhook_id in deliveries.webhooks_due():
        with _lock:
            if len(_busy) >= MANY:
                return
            if webhook_id in _busy:
                continue
            _busy.add(webhook_id)
        threading.Thread(target=_run, args=[webhook_id], daemon=True, name=f"webhook {webhook_id}").start()


def _run(webhook_id: uuid.UUID) -> None:
    close_old_connections()
    try:
        while delivery := deliveries.claim_next(webhook_id):
            sending.attempt(delivery)
    except Exception:
        log.exception("a webhook's lane failed", webhook=str(webhook_id))
    finally:
        connections.close_all()
        with _lock:
            _busy.discard(webhook_id)
