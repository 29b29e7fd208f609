"""In a pod no router tells of requests, so the server does: a line each, as Signoff's ingest takes them.

Lines are written down, 100 ms later at most; another container tells them. What a caller says of the track is
overwritten by the gateway, so it is the gateway's word that stands here.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from serving.contract import SHARES, ContractError, FeaturePolicy, load
from serving.server import answers
from serving.server.app import Answered, Request
from serving.server.evidence import WITHIN_S
from serving.server.features import row_of
from serving.server.lines import Lines
from serving.server.scores import Scorer

TRACKS = frozenset({"stable", "canary"})
LONGEST = 256
UNTOLD = frozenset({401, 403, 404, 405, 429})  # the caller's own matter
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and what the gateway says of it."""

    request_id: str
    track: str
    share: str
    step: str
    rollout: str
    unit: str

    @classmethod
    def of(cls, request: Request, request_id: str) -> "Asked":
        """Return what the request's headers say."""
        said = [request.header(b"x-signoff-" + name)[:LONGEST] for name in (b"share", b"step", b"rollout", b"unit")]
        return cls(request_id, request.header(b"x-signoff-track"), *said)

    @property
    def line(self) -> dict[str, Any]:
        """The request as ingest takes it."""
        share = int(self.share) if self.share.isascii() and self.share.isdigit() else SHARES
        return {
            "request_id": self.request_id, "track": self.track if self.track in TRACKS else "stable",
            "share_pct": min(share, SHARES) * 100 / SHARES, "step": self.step, "rollout": self.rollout,
            "unit": self.unit,
        }  # fmt: skip


class Handed:
    """Lines for one pod. A request of one row tells its values, as far as the model's policy lets it."""

    def __init__(self, path: Path, policy: Path, scorer: Scorer, version: str) -> None:
        self.file, self.policy, self.scorer, self.version = Lines(path), policy, scorer, version
        self.waiting: list[tuple[dict[str, Any], Answered | None]] = []
        self._dropped: frozenset[str] | None = None  # None: nothing may be told
        self._looked = 0.0

    def hear(self, request: Request, request_id: str, status: int, took_s: float) -> None:
        """Keep a request that is the server's to answer for; it is in the file within 100 ms."""
        if status in UNTOLD:
            return
        line = {
            **Asked.of(request, request_id).line, "version": self.version, "status": status,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"), "latency_ms": round(took_s * 1000, 3),
        }  # fmt: skip
        if not self.waiting:
            asyncio.get_running_loop().call_later(WITHIN_S, self.flush)
        self.waiting.append((line, request.answered))

    def flush(self) -> None:
        """Write what waits."""
        if not self.waiting:
            return
        heard, self.waiting = self.waiting, []
        scores = iter(self._scores([said.given for _, said in heard if said]))
        self.file.append([answers.dump({**line, **self._answer(said, scores)}) for line, said in heard])

    def _scores(self, answered: list[Any]) -> list[Any]:
        found = self.scorer.take(answered) if answered else {}
        return [found.get(place) for place in range(len(answered))]

    def _answer(self, said: Answered | None, scores: Iterator[Any]) -> dict[str, Any]:
        """Return what is told of an answer to one row; of several rows, only that they were answered."""
        if said is None:
            return {}
        score = next(scores)
        if said.given.rows != 1:
            return {}
        columns, prediction = row_of(said.given, said.prediction)
        dropped = self._policy()
        told = {"prediction": prediction, "score": score[0] if score else None}
        if dropped is not None:
            told["features"] = {name: value for name, value in columns.items() if name not in dropped}
        return {name: value for name, value in told.items() if value is not None}

    def _policy(self) -> frozenset[str] | None:
        """Return the columns that are never told; None where nothing is, or nobody has said yet."""
        if time.monotonic() - self._looked > LOOK_EVERY_S:
            self._looked = time.monotonic()
            try:
                said = load(self.policy, FeaturePolicy)
                self._dropped = frozenset(said.dropped) if said.share_pct else None
            except (OSError, ContractError):
                self._dropped = None
        return self._dropped
