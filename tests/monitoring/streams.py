"""Made-up logs of canaries whose truth is known, as anyone would write them."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitoring.stats.canary import replay

Line = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Two versions and their traffic. Of two numbers the first is the live version's, the second the canary's.

    Shares and base rates change in equal steps. With `units`, heavy ones come far more often than others and stay in
    their arm. `lost`: failures of the canary that leave no line; `again`: its failures that are tried again.
    """

    requests: int = 4_000
    shares: tuple[float, ...] = (0.05,)
    bases: tuple[float, ...] = (1.0,)
    failing: tuple[float, float] = (0.02, 0.02)
    wrong: tuple[float, float] = (0.08, 0.08)
    slower: float = 1.0
    sigma: float = 0.6
    worth: tuple[float, float] = (10.0, 10.0)
    segments: tuple[str, ...] = ()
    bad_segment: str = ""  # where alone the canary fails as told
    split: float | None = None
    units: int = 0
    lost: float = 0.0
    again: float = 0.0
    labelled: float = 1.0
    meta: Line = field(default_factory=dict)

    def lines(self, seed: int) -> Iterator[Line]:
        """Yield the log."""
        rng = random.Random(seed)
        planned = {"planned_shares": list(self.shares), "unit_is_request": not self.units}
        yield {"type": "meta", "alpha": 0.05, "guardrails": ["error"], **planned, **self.meta}
        places: dict[int, float] = {}
        for number in range(self.requests):
            step = number * len(self.shares) // self.requests
            base = self.bases[number * len(self.bases) // self.requests]
            unit = int(self.units * rng.random() ** 4)
            place = places.setdefault(unit, rng.random()) if self.units else rng.random()
            arm = place < (self.split or self.shares[step])
            yield from self._request(rng, number, f"u{unit}", arm=arm, share=self.shares[step], base=base)

    def _request(
        self, rng: random.Random, number: int, unit: str, *, arm: bool, share: float, base: float
    ) -> Iterator[Line]:
        segment = rng.choice(self.segments) if self.segments else None
        as_told = arm and (not self.bad_segment or segment == self.bad_segment)
        failed = rng.random() < base * self.failing[as_told]
        if failed and arm and rng.random() < self.lost:
            return
        line = {
            "type": "req",
            "i": number,
            "t": number / 10,
            "request_id": f"q{number}",
            "unit": unit,
            "arm": "canary" if arm else "control",
            "share": share,
            "status": 500 if failed else 200,
            "latency_ms": math.exp(rng.gauss(3.0, self.sigma)) * (self.slower if arm else 1.0),
            "prediction": 1,
            "value": rng.gauss(self.worth[arm], 4.0),
            "segment": segment,
        }
        yield line
        while failed and arm and rng.random() < self.again:
            yield line
        if rng.random() < self.labelled:
            yield {"type": "label", "request_id": f"q{number}", "label": int(rng.random() >= self.wrong[arm])}


def told(world: World, seed: int) -> dict[str, Any]:
    """Return the answer to a made-up log."""
    return replay(enumerate(world.lines(seed), 1))


def allowed(runs: int, chance: float) -> int:
    """Return how many of `runs` may go wrong by `chance` before it is 99 % sure that the chance is larger."""
    left = 1.0
    for hits in range(runs + 1):
        left -= math.comb(runs, hits) * chance**hits * (1 - chance) ** (runs - hits)
        if left <= 0.01:
            return hits
    return runs
