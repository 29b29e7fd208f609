"""Made-up lines of an endpoint that the gallery shows, each state through the code that draws the real ones."""

import math
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from deployments.shifts import Shift
from monitoring.series import Line, Lines
from web.pages import gallery_drift, gallery_outcomes
from web.pages.charts import Chart
from web.pages.figures import FIGURES, Around, draw
from web.pages.gallery_stock import Context, at
from web.pages.monitoring import before_of, marks_of

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
OLGAS: Any = SimpleNamespace(pk=8, created_by=SimpleNamespace(username="olga"))
MOVES = ((200, 6, 5), (250, 6, 25), (330, 5, 0))  # minute, version, share; 0: sent back
ACTED = {250: "olga", 330: "eli"}  # by minute: who sent it on or back then
THREE = ((200, 6, 5), (214, 5, 0), (222, 7, 5), (236, 5, 0), (244, 8, 5), (262, 8, 25), (300, 5, 0))


def _wave(metric: str, track: str, minute: int, during: range) -> float | None:
    """Return a value that rises and falls, or nothing where nothing was measured."""
    if minute in GAP or minute not in during:
        return None
    middle = MIDDLES[metric] * (WORSE.get(metric, 1.0) if track.startswith("canary") else 1.0)
    phase = len(metric) + len(track)
    swing = 0.12 * math.sin(minute / 21 + phase) + 0.05 * math.sin(minute * phase)
    return round(middle * (1 + swing * STEADY.get(metric, 1.0)), 4)


def _lines(during: dict[str, range]) -> Lines:
    """Return a line of each metric for each track, over the minutes in which it was there."""
    return {(metric, track): _line(metric, track, there) for metric in MIDDLES for track, there in during.items()}


def _line(metric: str, track: str, during: range) -> Line:
    return [_wave(metric, track, minute, during) for minute in range(MINUTES)]


ALWAYS = range(MINUTES)
USUAL = _lines({"stable": ALWAYS, "canary": range(CANARY_FROM, CANARY_TO)})
CLOSE = {"canary v6": range(200, 214), "canary v7": range(222, 236), "canary v8": range(244, 300)}
QUIET: Lines = {(metric, "stable"): USUAL[metric, "stable"] for metric in ("cpu", "memory")}
QUIET |= {("requests", "stable"): [0.0] * MINUTES}
UNLABELLED = {key: line for key, line in USUAL.items() if key[0] != "accuracy"}
UNLABELLED |= {("coverage", track): [0.0] * MINUTES for track in ("stable", "canary")}


@dataclass(frozen=True)
class State:
    """What a monitoring page shows: lines, moves, and the minute it was first measured in, counted from BEGIN."""

    lines: Lines
    moves: tuple[tuple[int, int, int], ...] = MOVES
    first: int = 0


STATES = {
    "canary, with a gap": State(USUAL),
    "three canaries": State(_lines({"stable": ALWAYS, **CLOSE}), THREE),
    "first minutes": State(_lines({"stable": range(325, MINUTES)}), (), first=325),
    "no traffic": State(QUIET),
    "labels late": State(UNLABELLED),
    "a model that floods": State(USUAL),
    "nothing measured": State({}, ()),
}


OUTCOMES = {
    "three canaries": "numbers", "labels late": "no labels", "nothing measured": "nothing", "first minutes": "as of",
}  # fmt: skip
DRIFT = {"first minutes": "calm", "nothing measured": "nothing told", "no traffic": "nothing told"}
AT = [BEGIN.timestamp() + 60 * minute for minute in range(MINUTES)]


def points(state: str) -> dict[str, Any]:
    """Return what the charts of a state fetch."""
    lines = STATES[state].lines if state in STATES else {}
    return {"at": AT, "lines": {".".join(key): line for key, line in lines.items()}}


def _shifts(state: State) -> list[Shift]:
    return [
        Shift(
            BEGIN + timedelta(minutes=minute),
            OLGAS,
            version,
            share,
            is_back=not share,
            by="olga",
            acted=ACTED.get(minute, ""),
        )
        for minute, version, share in state.moves
    ]


def figures(state: State) -> list[Chart]:
    """Return every figure of a state, as it was while the canary ran."""
    table = {key: line[::ROW_MINUTES] for key, line in state.lines.items()}
    now: Lines = {key: [line[CANARY_TO - 5]] for key, line in state.lines.items()}
    around = Around(marks_of(_shifts(state), AT), before_of(int(AT[state.first] // 60), AT))
    return [draw(figure, table, STARTS, now, around) for figure in FIGURES]


LATENCY = figures(STATES["canary, with a gap"])[1]


def page(name: str, endpoint: Context) -> Context:
    """Return the context of the monitoring page."""
    state = STATES[name]
    return {
        "endpoint": endpoint,
        "span": {"name": "6h", "since": STARTS[0], "until": STARTS[-1] + timedelta(minutes=ROW_MINUTES)},
        "tabs": [{"label": key, "href": f"?range={key}", "current": key == "6h"} for key in ("1h", "6h", "24h", "7d")],
        "charts": figures(state),
        "is_empty": not state.lines,
        "outcomes": gallery_outcomes.PANELS[OUTCOMES.get(name, "usual")],
        "outcomes_csv": "/endpoints/risk/outcomes.csv",
        "drift": gallery_drift.TABLES[DRIFT.get(name, "usual")],
        "floods": {"risk-v6-5f0c": 1_234_567} if name == "a model that floods" else {},
        "shifts": _shifts(state)[::-1],
        "source": "/gallery?" + urlencode({"points": name}),
        "csv": "/endpoints/risk/series.csv?range=6h",
        "permalink": "/endpoints/risk/monitoring?range=6h&until=2026-11-24T15:00",
    }
