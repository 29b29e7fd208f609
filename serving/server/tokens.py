"""Checks who asks, by the table the web side publishes. Only hashes are here, and only those of this endpoint."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from serving.contract import PREDICT, TokenTable
from serving.server.refusals import Refused

LOOK_EVERY_S = 0.2
STALE_S = 60.0
BEARER = "bearer "


@dataclass
class Gate:
    """Lets a token through while the table says so. The table is read anew when its file is another one."""

    path: Path
    endpoint: str
    allow_stale: bool = False
    clock: Callable[[], float] = time.time
    _looked: float = field(default=0.0, init=False)
    _seen: tuple[int, int] | None = field(default=None, init=False)
    _published: float = field(default=0.0, init=False)
    _expiries: dict[str, float | None] = field(default_factory=dict, init=False)
    _others: set[str] = field(default_factory=set, init=False)

    def check(self, authorization: str) -> None:
        """Return for a token that may ask this endpoint; else refuse: 401, 403, or 503 where the table is too old."""
        now = self.clock()
        if not 0 <= now - self._looked < LOOK_EVERY_S:
            self._looked = now
            self._read()
        if now - self._published > STALE_S and not self.allow_stale:
            raise Refused(503, "TEMPORARILY_UNAVAILABLE", self._stale(now))
        if authorization[: len(BEARER)].lower() != BEARER:
            raise Refused(401, "UNAUTHENTICATED", "Send a token: 'Authorization: Bearer …'.")
        given = hashlib.sha256(authorization[len(BEARER) :].strip().encode()).hexdigest()
        if given in self._expiries:
            expires = self._expiries[given]
            if expires is None or expires > now:
                return
            raise Refused(401, "UNAUTHENTICATED", "The token has expired.")
        if given in self._others:
            raise Refused(403, "PERMISSION_DENIED", f"The token may not ask endpoint '{self.endpoint}' to predict.")
        raise Refused(401, "UNAUTHENTICATED", "The token is not known: it is wrong, revoked or expired.")

    def _stale(self, now: float) -> str:
        if not self._published:
            return "No table of tokens has been published yet, so no token can be checked."
        return (
            f"The table of tokens is {now - self._published:.0f} s old, over {STALE_S:.0f} s: no token can be checked."
        )

    def _read(self) -> None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - a tenth of the time, on every request
        except FileNotFoundError:
            return
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen and self._take(self.path.read_bytes()):
            self._seen = seen

    def _take(self, text: bytes) -> bool:
        """Remember what the table says; one that cannot be read changes nothing, so it grows old."""
        try:
            said: dict[str, Any] = orjson.loads(text)
            if said["type"] != TokenTable.KIND:
                return False
            mine = {h: t for h, t in said["tokens"].items() if t["endpoint"] == self.endpoint and t["scope"] == PREDICT}
            expiries = {name: token.get("expires_at") for name, token in mine.items()}
            published = float(said["published_at"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        self._published, self._expiries = published, expiries
        self._others = said["tokens"].keys() - expiries.keys()
        return True
