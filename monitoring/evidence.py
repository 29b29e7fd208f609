"""Reads entries of the evidence stream: what each must be, and what of it counts in a verdict."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from monitoring import late, letters, samples
from serving.contract import ContractError, Inference, parse

REFUSED = {401: "no token", 403: "no right", 404: "no such path", 429: "too many"}
FAILED_FROM = 400
PREDICTS = "/invocations"
ID_MAX, ROWS_MAX, DEPTH_MAX = 128, 2**31 - 1, 16
LATEST_MS = 4_102_444_800_000  # the year 2100


class Unreadable(Exception):
    """An entry is not what it should be; its text says why."""


@dataclass(frozen=True)
class Routed:
    """One line of the router."""

    endpoint: str
    request_id: str
    at: datetime
    rollout: str
    step: str
    track: str
    share: int
    unit: str
    status: int
    latency_ms: float
    attempts: int

    @property
    def why_not(self) -> str:
        """Why this request cannot count in a verdict, or an empty string.

        One that the router tried again at another replica counts once, as it ended: the track was drawn before.
        """
        if self.track not in {"stable", "canary"}:
            return "a copy" if self.track == "shadow" else "went nowhere"
        return REFUSED.get(self.status, "")

    @property
    def failed(self) -> bool:
        """Whether the caller got no prediction. A caller's own mistakes hit both arms alike, so they may count."""
        return self.status >= FAILED_FROM or not self.status


def read(kind: str, body: bytes) -> Routed | Inference | None:
    """Return what an entry says; None for a line that asks for no prediction. Raises Unreadable."""
    if kind == "inference":
        try:
            return _plausible(parse(body, Inference))
        except ContractError as why:
            raise Unreadable(str(why)) from why
    if kind in {late.KIND, letters.KIND}:
        return None
    if kind != "routed":
        raise Unreadable(f"The kind should be routed or inference and is {kind[:40]!r}.")
    try:
        return _routed(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as why:
        raise Unreadable(f"Not a line of the router: {why!r}"[:400]) from why


def _plausible(said: Inference) -> Inference:
    """Return the record, which a model wrote; raise Unreadable for what no answered request can have been."""
    if not 0 < len(said.request_id) <= ID_MAX:
        raise Unreadable(f"request_id has {len(said.request_id)} characters, not 1 to {ID_MAX}.")
    if not 0 <= said.rows <= ROWS_MAX:
        raise Unreadable(f"rows is {said.rows}, not 0 to {ROWS_MAX}.")
    if not 0 <= said.at_ms <= LATEST_MS:
        raise Unreadable(f"at_ms is {said.at_ms}, not a moment.")
    if _is_deeper(said.prediction, DEPTH_MAX):
        raise Unreadable(f"prediction is nested more than {DEPTH_MAX} deep.")
    if not all(map(isfinite, said.score if isinstance(said.score, list) else [said.score or 0.0])):
        raise Unreadable("score is no number.")
    if why := samples.why_no_sample(said):
        raise Unreadable(f"sample: {why}")
    return said


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels == 0 or _is_deeper(one, levels - 1) for one in inner if isinstance(one, (dict, list)))


def _routed(said: Mapping[str, Any]) -> Routed | None:
    path = str(said["path"] or "")
    if not said["endpoint"] or not (path.endswith((PREDICTS, "/infer"))):
        return None
    if not said["request_id"]:
        raise ValueError("without a request id")
    return Routed(
        endpoint=str(said["endpoint"])[:63],
        request_id=str(said["request_id"])[:128],
        at=datetime.fromtimestamp(float(said["time"]), UTC),
        rollout=str(said["rollout"] or "")[:64],
        step=str(said["step"] or "")[:64],
        track=str(said["track"] or "")[:8],
        share=int(said["share"]) if said["track"] and said["share"] else 0,
        unit=str(said["unit"] or "")[:64],
        status=int(said["status"] or 0),
        latency_ms=float(said["duration_ms"] or 0),
        attempts=int(said["attempts"] or 1),
    )
