"""Made-up histories of a model whose truth is known, as anyone would write them."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from monitoring.stats.drift import replay

Line = dict[str, Any]
Change = Callable[[random.Random, Line], None]  # of a row's features
WORDS = ["card", "order", "late", "refund", "paid", "twice", "wrong", "size", "blue", "door", "today", "again", "lost"]


@dataclass(frozen=True)
class Past:
    """A model that scores two of its features well. Live rows change as told from day `since` on.

    `weekend`: how much all numbers differ then, also in the reference. `late`: days that labels take, by label.
    """

    reference: int = 5_000
    a_day: int = 1_000
    days: int = 10
    numbers: int = 5
    since: int = 4
    change: Change | None = None
    flipped: float = 0.0  # labels that mean the opposite since then
    weekend: float = 0.0
    late: tuple[int, int] = (0, 0)
    with_words: bool = False
    meta: Line = field(default_factory=dict)

    def lines(self, seed: int) -> Iterator[Line]:
        """Yield the history."""
        rng = random.Random(seed)
        yield {"type": "meta", **self.meta}
        for number in range(self.reference):
            x = self._features(rng, number % 7)
            yield {"type": "ref", "x": x, "label": _label(rng, x), "score": _score(x), "weekday": number % 7}
        waiting: list[tuple[int, Line]] = []
        for day in range(self.days):
            for number in range(self.a_day):
                row, label = self._row(rng, day, f"{day}-{number}")
                yield row
                waiting.append((day + self.late[label["label"]], label))
            for due, label in waiting:
                if due == day:
                    yield {**label, "day": day}
            waiting = [(due, label) for due, label in waiting if due > day]

    def _row(self, rng: random.Random, day: int, name: str) -> tuple[Line, Line]:
        x = self._features(rng, day % 7)
        if self.change and day >= self.since:
            self.change(rng, x)
        label = _label(rng, x)
        if day >= self.since and rng.random() < self.flipped:
            label = 1 - label
        score = _score(x)
        row = {"type": "row", "day": day, "prediction_id": name, "unit": name, "version": "3", "x": x, "score": score}
        return {**row, "prediction": int(score >= 0.5)}, {"type": "label", "prediction_id": name, "label": label}

    def _features(self, rng: random.Random, weekday: int) -> Line:
        off = self.weekend if weekday >= 5 else 0.0
        x: Line = {f"n{place}": rng.gauss(off, 1.0) for place in range(self.numbers)}
        x["country"] = rng.choices(["de", "fr", "it", "at"], [60, 30, 9, 1])[0]
        x["seldom"] = rng.random() if rng.random() < 0.8 else None
        if self.with_words:
            x["text"] = " ".join(rng.choices(WORDS, k=rng.randint(8, 20)))
            x["vector"] = [rng.gauss(0, 1) for _ in range(12)]
        return x


def _score(x: Line) -> float:
    return 1 / (1 + math.exp(-2 * float(x["n0"] or 0.0) - 0.5))


def _label(rng: random.Random, x: Line) -> int:
    return int(rng.random() < _score(x))


def told(past: Past, seed: int = 1) -> dict[str, Any]:
    """Return the answer to a made-up history."""
    return replay(enumerate(past.lines(seed), 1))
