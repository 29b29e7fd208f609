"""Work that happens again and again, with or without a broker."""

from collections.abc import Callable
from dataclasses import dataclass

from audit import denials, seal
from deployments import engine, feed, locks
from registry import collection, requests


@dataclass(frozen=True)
class Periodic:
    """A function and how often it runs. It may run twice at once and must be harmless then."""

    name: str
    every_s: float
    run: Callable[[], object]


TICK = (
    Periodic("seal the ledger", 0.5, seal.seal),
    Periodic("publish endpoint tokens", 0.5, feed.publish),
    Periodic("settle denials", 10, denials.settle),
    Periodic("expire requests", 15, requests.expire_due),
    Periodic("collect unused blobs", 3600, collection.collect),
)
ENGINE = (Periodic("move rollouts on", 0.5, engine.turn),)
WORK = (Periodic("lock environments", 2, locks.lock_pending),)
GROUPS = {"tick": TICK, "engine": ENGINE, "work": WORK}  # each a process: a slow piece of one holds up no other
