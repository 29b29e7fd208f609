"""Made-up charts that the gallery shows, and their points."""

import math
from datetime import timedelta
from typing import Any

from web.pages.charts import Chart, Line, Mark, Row, top_of
from web.pages.gallery_stock import at

MINUTES = 360
GAP = range(120, 150)  # nothing was measured in these
CANARY_FROM = 200
BEGIN = at(24, 9, 0, 0)
LINES = (
    Line("p95.stable", "stable p95", "champion"),
    Line("p50.stable", "stable p50", "champion", 1),
    Line("p95.canary", "canary p95", "canary"),
    Line("limit", "limit", "limit", 1.5),
)
MARKS = (
    Mark(56, 0, "v6 5 %", "version 6 takes 5 %, by olga", "/deployments/8"),
    Mark(57, 1, "v6 25 %", "version 6 takes 25 %, by the engine", "/deployments/8"),
    Mark(90, 0, "v5 back", "version 5 takes all again, by olga", "/deployments/9"),
)


def wave(minute: int, middle: float, phase: float) -> float | None:
    """Return a value that rises and falls, or nothing in the gap."""
    if minute in GAP:
        return None
    return round(middle * (1 + 0.12 * math.sin(minute / 21 + phase) + 0.05 * math.sin(minute * phase)), 3)


STABLE, MEDIAN = ([wave(minute, middle, 1.7) for minute in range(MINUTES)] for middle in (41.0, 22.0))
CANARY = [wave(minute, 46.0, 2.6) if minute >= CANARY_FROM else None for minute in range(MINUTES)]
POINTS: dict[str, Any] = {
    "at": [BEGIN.timestamp() + 60 * minute for minute in range(MINUTES)],
    "lines": {
        "p95.stable": STABLE,
        "p50.stable": MEDIAN,
        "p95.canary": CANARY,
        "limit": [50.0] * MINUTES,
    },
}
CHART = Chart(
    name="latency",
    title="Latency",
    unit="ms",
    sentence="Canary p95 is 47 ms now, 6 ms more than the stable version; the limit is 50 ms.",
    span_s=MINUTES * 60,
    lines=LINES,
    rows=[
        Row(BEGIN + timedelta(minutes=minute), [line[minute] for line in POINTS["lines"].values()])
        for minute in range(MINUTES - 30, -1, -30)
    ],
    marks=MARKS,
    top=top_of([*STABLE, *CANARY], 50),
)
