import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from core import broker
from monitoring import ingest, verdicts
from serving.contract import EVIDENCE_STREAM, SHARES, Inference
from tests.valkey import Valkey

RULES: dict[str, Any] = {"min_units": 20, "min_labels": 5, "min_s": 0, "ratio_bound": None}
ROLLOUT = "11111111-2222-3333-4444-555555555555"


@dataclass
class Stream:
    """Puts on the stream what the router and model servers would."""

    valkey: Valkey
    endpoint: str = "fraud"

    def routed(self, request_id: str, track: str = "stable", **more: Any) -> None:
        line = {
            "time": f"{time.time():.6f}",
            "request_id": request_id,
            "endpoint": self.endpoint,
            "version": "3",
            "step": "5",
            "rollout": ROLLOUT,
            "cluster": "c",
            "track": track,
            "share": "500" if track == "canary" else "9500",
            "unit": None,
            "method": "POST",
            "path": "/invocations",
            "status": 200,
            "duration_ms": 4,
            "attempts": 1,
            "flags": "-",
            "bytes_in": 1,
            "bytes_out": 1,
        }
        self.put("routed", {**line, **more})

    def answered(self, request_id: str, prediction: Any = 1, **more: Any) -> None:
        said = {
            "type": Inference.KIND,
            "request_id": request_id,
            "endpoint": self.endpoint,
            "model": "Fraud",
            "version": "2",
            "digest": "d" * 64,
            "track": "stable",
            "at_ms": int(time.time() * 1000),
            "latency_ms": 1.5,
            "status": 200,
            "rows": 1,
            "prediction": [prediction],
        }
        self.put("inference", {**said, **more})

    def request(self, request_id: str, track: str = "stable", prediction: Any = 1, **more: Any) -> None:
        """One request, whole; the model's record comes first, as it does."""
        self.answered(request_id, prediction, track=track)
        self.routed(request_id, track, **more)

    def complete(self, moment: datetime, **but: datetime) -> None:
        """Say that all evidence up to `moment` is in the stream; of the endpoints in `but` less."""
        less = {endpoint: earlier.timestamp() for endpoint, earlier in but.items()}
        self.put("complete", {"at": moment.timestamp(), "but": less})

    def put(self, kind: str, body: Any) -> None:
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.valkey.client.xadd(EVIDENCE_STREAM, {"kind": kind, "body": said})


@pytest.fixture
def stream(settings: Settings, valkey: Valkey) -> Iterator[Stream]:
    """An empty stream that the product reads."""
    settings.REDIS_URL = valkey.url
    valkey.client.flushall()
    broker.connection.cache_clear()
    ingest._ensured.clear()
    yield Stream(valkey)
    broker.connection.cache_clear()


@pytest.fixture
def watched(stream: Stream) -> Stream:
    """The stream of an endpoint whose rollout is judged, in its step of 5 %."""
    verdicts.watch(ROLLOUT, stream.endpoint, RULES)
    verdicts.enter(ROLLOUT, "5")
    assert SHARES == 10_000
    return stream
