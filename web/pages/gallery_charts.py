"""Made-up lines of an endpoint that the gallery shows, each state through the code that draws the real ones."""

import math
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from monitoring.series import Line, Lines
from web.pages.charts import Chart, Mark
from web.pages.figures import FIGURES, draw
from web.pages.gallery_stock import Context, at

MINUTES, ROW_MINUTES = 360, 15
GAP = range(120, 150)  # nothing was measured in these
CANARY_FROM, CANARY_TO = 200, 330
BEGIN = at(24, 9, 0, 0)
STARTS = [BEGIN + timedelta(minutes=minute) for minute in range(0, MINUTES, ROW_MINUTES)]
MIDDLES = {
    "requests": 480.0,
    "errors": 0.8,
    "p50_ms": 22.0,
    "p95_ms": 41.0,
    "p99_ms": 63.0,
    "accuracy": 94.0,
    "coverage": 60.0,
    "cpu": 0.35,
    "memory": 212.0,
}
WORSE = {"requests": 0.05, "errors": 1.6, "p95_ms": 1.15, "accuracy": 0.97}  # the canary, times the stable version
STEADY = {"accuracy": 0.1, "memory": 0.1, "coverage": 0.4}
MARKS = (
    Mark(55.6, 0, "v6 5 %", "v6 5 %, deployment #8 by olga", "/deployments/8"),
    Mark(69.4, 1, "v6 25 %", "v6 25 %, deployment #8 by olga", "/deployments/8"),
    Mark(91.7, 2, "v5 back", "v5 back: deployment #8 by olga was sent back", "/deployments/8"),
)


def _wave(metric: str, track: str, minute: int) -> float | None:
    """Return a value that rises and falls, or nothing where nothing was measured."""
    if minute in GAP or (track == "canary" and not CANARY_FROM <= minute < CANARY_TO):
        return None
    middle = MIDDLES[metric] * (WORSE.get(metric, 1.0) if track == "canary" else 1.0)
    phase = len(metric) + len(track)
    swing = 0.12 * math.sin(minute / 21 + phase) + 0.05 * math.sin(minute * phase)
    return round(middle * (1 + swing * STEADY.get(metric, 1.0)), 4)


def _line(metric: str, track: str) -> Line:
    return [_wave(metric, track, minute) for minute in range(MINUTES)]


KEYS = [(metric, track) for metric in MIDDLES for track in ("stable", "canary")]
USUAL: Lines = {key: _line(*key) for key in KEYS}
QUIET: Lines = {(metric, "stable"): USUAL[metric, "stable"] for metric in ("cpu", "memory")}
QUIET |= {("requests", "stable"): [0.0] * MINUTES}
UNLABELLED = {key: line for key, line in USUAL.items() if key[0] != "accuracy"}
UNLABELLED |= {("coverage", track): [0.0] * MINUTES for track in ("stable", "canary")}
STATES: dict[str, Lines] = {
    "canary, with a gap": USUAL, "no traffic": QUIET, "labels late": UNLABELLED, "nothing measured": {},
}  # fmt: skip


def points(state: str) -> dict[str, Any]:
    """Return what the charts of a state fetch."""
    minutes = [BEGIN.timestamp() + 60 * minute for minute in range(MINUTES)]
    return {"at": minutes, "lines": {".".join(key): line for key, line in STATES.get(state, {}).items()}}


def figures(lines: Lines) -> list[Chart]:
    """Return every figure of these lines, as it was while the canary ran."""
    table = {key: line[::ROW_MINUTES] for key, line in lines.items()}
    now: Lines = {key: [line[CANARY_TO - 5]] for key, line in lines.items()}
    return [draw(figure, table, STARTS, now, MARKS) for figure in FIGURES]


LATENCY = figures(USUAL)[1]


def page(state: str, endpoint: Context, rollout: Context) -> Context:
    """Return the context of the monitoring page."""
    shift = {"at": at(24, 12, 20), "rollout": rollout, "version": 6, "share_pct": 5, "is_back": False}
    back = {**shift, "at": at(24, 14, 30), "version": 5, "is_back": True}
    return {
        "endpoint": endpoint,
        "span": {"name": "6h", "since": STARTS[0], "until": STARTS[-1] + timedelta(minutes=ROW_MINUTES)},
        "tabs": [{"label": key, "href": f"?range={key}", "current": key == "6h"} for key in ("1h", "6h", "24h", "7d")],
        "charts": figures(STATES[state]),
        "is_empty": not STATES[state],
        "shifts": [back, shift] if STATES[state] else [],
        "source": "/gallery?" + urlencode({"points": state}),
        "csv": "/endpoints/risk/series.csv?range=6h",
        "permalink": "/endpoints/risk/monitoring?range=6h&until=2026-11-24T15:00",
    }
