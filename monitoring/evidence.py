"""Reads entries of the evidence stream: what each must be, and what of it counts in a verdict."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serving.contract import ContractError, Inference, parse

REFUSED = {401: "no token", 403: "no right", 404: "no such path", 429: "too many"}
FAILED_FROM = 400
PREDICTS = "/invocations"


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
        """Why this request cannot count in a verdict, or an empty string."""
        if self.track not in {"stable", "canary"}:
            return "a copy" if self.track == "shadow" else "went nowhere"
        if self.attempts > 1:
            return "tried again"
        return REFUSED.get(self.status, "")

    @property
    def failed(self) -> bool:
        """Whether the caller got no prediction. A caller's own mistakes hit both arms alike, so they may count."""
        return self.status >= FAILED_FROM or not self.status


def read(kind: str, body: bytes) -> Routed | Inference | None:
    """Return what an entry says; None for a line that asks for no prediction. Raises Unreadable."""
    if kind == "inference":
        try:
            return parse(body, Inference)
        except ContractError as why:
            raise Unreadable(str(why)) from why
    if kind != "routed":
        raise Unreadable(f"The kind should be routed or inference and is {kind[:40]!r}.")
    try:
        return _routed(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError) as why:
        raise Unreadable(f"Not a line of the router: {why!r}"[:400]) from why


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
