"""Requests as the product would have stored them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import transaction

from monitoring.models import Prediction
from monitoring.predictions import save

BEGIN = datetime(2026, 11, 24, 9, 14, tzinfo=UTC)
NUMBER = count()


def seen(after_s: float = 0, **more: Any) -> Prediction:
    """One request to the stable version 2, answered in 10 ms, `after_s` after the window began."""
    row: dict[str, Any] = {
        "endpoint": "fraud",
        "request_id": f"q{next(NUMBER)}",
        "at": BEGIN + timedelta(seconds=after_s),
        "routed": True,
        "answered": True,
        "track": "stable",
        "rollout": "r1",
        "version": "2",
        "status": 200,
        "latency_ms": 10.0,
        "prediction": 1,
        "counted": False,
        "why_not": "not judged",
    }
    return Prediction(**{**row, **more})


def observe(*rows: Prediction) -> None:
    with transaction.atomic("telemetry"):
        save(rows)
