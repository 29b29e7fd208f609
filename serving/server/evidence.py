"""Writes down what was answered, 100 ms later at most, in the one folder the model server may write to.

A process that is killed loses those 100 ms; the router's own lines tell how many they were.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.contract import Inference
from serving.server import answers
from serving.server.features import Sampler
from serving.server.inputs import Fitted
from serving.server.lines import Lines
from serving.server.scores import Scorer

if TYPE_CHECKING:
    from serving.server.app import Request

WITHIN_S = 0.1
ROWS = 100  # of a larger request its rows are counted and its predictions are not kept


class Evidence:
    """Lines for one replica. Who it is, is added by who carries them: a model's word is not taken for it."""

    def __init__(self, path: Path, policy: Path, scorer: Scorer) -> None:
        self.file, self.sampler, self.scorer = Lines(path), Sampler(policy), scorer
        self.waiting: list[bytes] = []
        self.asked: list[Fitted] = []

    def hear(self, request: "Request", request_id: str, status: int, took_s: float) -> None:
        """Keep what the model said; the router tells of the rest."""
        if (said := request.answered) is not None:
            track = request.header(b"x-signoff-track")
            self.note(request_id, track, status, took_s, said.given, said.prediction)

    def note(self, request_id: str, track: str, status: int, took_s: float, given: Fitted, prediction: Any) -> None:
        """Keep one answer; it is in the file within 100 ms, the values it was given perhaps in the moment's sample."""
        rows = given.rows
        self.sampler.note(given, prediction)
        said = {
            "type": Inference.KIND,
            "request_id": request_id,
            "track": track or None,
            "at_ms": int(time.time() * 1000),
            "latency_ms": round(took_s * 1000, 3),
            "status": status,
            "rows": rows,
            "prediction": answers.plain(prediction) if rows <= ROWS else None,
        }
        if not self.waiting:
            asyncio.get_running_loop().call_later(WITHIN_S, self.flush)
        self.waiting.append(answers.dump(said))
        self.asked.append(given)

    def flush(self) -> None:
        """Write what waits."""
        if not self.waiting:
            return
        (lines, self.waiting), (asked, self.asked) = (self.waiting, []), (self.asked, [])
        for place, scores in self.scorer.take(asked).items():
            if len(scores) <= ROWS:
                lines[place] = lines[place][:-1] + b',"score":' + answers.dump(scores) + b"}"
        if sample := self._sample():
            lines[-1] = lines[-1][:-1] + b',"sample":' + sample + b"}"
        self.file.append(lines)

    def _sample(self) -> bytes:
        """Return the moment's sample. One that cannot be drawn costs features, never an answer or its record."""
        try:
            return self.sampler.take()
        except Exception as why:  # noqa: BLE001 - values are whatever callers and models made of them
            sys.stderr.write(f"features could not be told: {why!r}\n")
            return b""
