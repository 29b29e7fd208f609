"""Tells the chances that a model of two classes gives, beside what it answered, for a bounded part of the time.

The requests of a moment are asked together, after they were answered: nobody waits for it. Where a moment holds more
than can be asked, those asked are drawn by lot, so what scores say holds for all requests.
"""

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.server import joining
from serving.server.inputs import Fitted

PART_S = 0.005  # of each moment of 0.1 s
MOST_S = 0.05  # saved up; a model slower than this a row is asked as seldom as that is a bounded part of the time
HOPE = 0.9  # of what a row took, after a moment in which all was saved up and not one could be asked
FIRST_ROWS = 50  # before it is known how long one takes
DIGITS = 6


@dataclass
class Scorer:
    """Asks `chances` (of requests as one: a chance for each row), if the model has them."""

    chances: Callable[[Fitted], Any] | None
    row_s: float = PART_S / FIRST_ROWS
    allowed_s: float = 0.0
    lot: random.Random = field(default_factory=random.Random)

    def take(self, asked: Sequence[Fitted]) -> dict[int, list[float]]:
        """Return the chances of some of these requests, by place. What goes wrong costs scores, never an answer."""
        if self.chances is None or not asked:
            return {}
        self.allowed_s = min(MOST_S, self.allowed_s + PART_S)
        drawn = self._drawn(asked)
        return self._ask([asked[place] for place in drawn], drawn) if drawn else {}

    def _drawn(self, asked: Sequence[Fitted]) -> list[int]:
        """Return the places of requests that can be asked as one, in the time that is allowed."""
        rows, drawn = int(self.allowed_s / self.row_s), list[int]()
        if rows < 1 and self.allowed_s == MOST_S:
            self.row_s *= HOPE  # it may have been slow once
        for place in self.lot.sample(range(len(asked)), len(asked)):
            if asked[place].rows <= rows and (not drawn or joining.fits(asked[drawn[0]], asked[place])):
                drawn.append(place)
                rows -= asked[place].rows
        return drawn

    def _ask(self, asked: Sequence[Fitted], places: Sequence[int]) -> dict[int, list[float]]:
        begun, rows = time.perf_counter(), [one.rows for one in asked]
        try:
            said = np.asarray(self.chances(joining.joined(asked)), dtype=float)  # type: ignore[misc]  # it has them
            parts = joining.divided(said, rows)
        except Exception as why:  # noqa: BLE001 - the model's own
            sys.stderr.write(f"scores could not be told: {why!r}\n")
            self.chances = None
            return {}
        took = time.perf_counter() - begun
        self.allowed_s, self.row_s = self.allowed_s - took, max(1e-7, took / sum(rows))
        return {place: np.round(part, DIGITS).tolist() for place, part in zip(places, parts, strict=False)}
