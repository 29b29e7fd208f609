"""How many model servers an endpoint should have. Pure: no clock, no database.

As the Kubernetes autoscaler does: as many as the busiest measure asks for, up at once and at most to double, down only
to what was enough for the whole of a while.
"""

import math
from collections import deque
from dataclasses import dataclass, field

LOOK_BACK_S = 10.0  # over which requests in flight are averaged
CALM_S = 120.0  # how long fewer must have been enough
CORES_EACH = 0.7  # of a core that one model server should use; its model has one thread
FASTEST = 2  # times as many at once


@dataclass(frozen=True)
class Capacity:
    """Model servers from `min_replicas` to `max_replicas`, as many as keep `in_flight` requests at each on average.

    The limits of each, from the next deployment on: `memory_mb`, `batch_rows` asked together (1: each request by
    itself), `max_waiting` requests before one is refused.
    """

    min_replicas: int = 1
    max_replicas: int = 1
    in_flight: int = 4
    memory_mb: int = 2048
    batch_rows: int = 1
    max_waiting: int = 256

    @property
    def limits(self) -> dict[str, int]:
        """What a model server is started with."""
        return {name: getattr(self, name) for name in ("memory_mb", "batch_rows", "max_waiting")}

    @property
    def scales(self) -> bool:
        """Whether there may be more or fewer."""
        return self.min_replicas < self.max_replicas

    def within(self, count: int) -> int:
        """Return the nearest number of model servers that is allowed."""
        return min(max(count, self.min_replicas), self.max_replicas)


@dataclass(frozen=True)
class Load:
    """What an endpoint was seen to do at `at`, seconds: requests in flight, and cores used; None: not measured."""

    at: float
    in_flight: float
    cores: float | None = None


@dataclass(frozen=True)
class Wanted:
    """How many, and why in a sentence."""

    replicas: int
    why: str = ""


@dataclass
class Memory:
    """What was seen of one endpoint, as far back as it matters. A new one lets nothing go down for CALM_S."""

    since: float
    loads: deque[Load] = field(default_factory=deque)
    asked: deque[tuple[float, int]] = field(default_factory=deque)

    def see(self, load: Load, capacity: Capacity, now: int) -> Wanted:
        """Take in what was seen and return how many of `now` model servers there should be."""
        self.loads.append(load)
        while self.loads[0].at <= load.at - LOOK_BACK_S:
            self.loads.popleft()
        flying = sum(one.in_flight for one in self.loads) / len(self.loads)
        by_flight = math.ceil(flying / capacity.in_flight)
        by_cores = math.ceil((load.cores or 0.0) / CORES_EACH)
        needed = capacity.within(max(by_flight, by_cores, 1))
        self.asked.append((load.at, needed))
        while self.asked[0][0] <= load.at - CALM_S:
            self.asked.popleft()
        measure = f"{flying:.1f} requests in flight, {capacity.in_flight} wanted at each"
        if by_cores > by_flight:
            measure = f"{load.cores:.1f} cores used, {CORES_EACH} wanted by each"
        return self._decided(needed, measure, capacity, now, load.at)

    def _decided(self, needed: int, measure: str, capacity: Capacity, now: int, at: float) -> Wanted:
        if (allowed := capacity.within(now)) != now:
            return Wanted(allowed, f"{capacity.min_replicas} to {capacity.max_replicas} are allowed.")
        if needed > now:
            return Wanted(min(needed, FASTEST * now), f"{measure}.")
        enough = max(count for _, count in self.asked)
        if enough < now and at - self.since >= CALM_S:
            return Wanted(enough, f"{enough} were enough for {CALM_S:.0f} s: {measure}.")
        return Wanted(now)
