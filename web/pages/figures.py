"""The figures of an endpoint: which metrics stand together, and the sentence that says what matters in each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from monitoring.series import METRICS, Line, Lines
from web.pages import charts
from web.pages.charts import INKS, Chart, Mark, Row
from web.templatetags.signoff import as_number, significant

TRACKS = ("stable", "canary", "shadow")
FULL = 100.0  # percent
ROOM = 15.0  # above it, for the marks' words
STEP = 10.0


@dataclass(frozen=True)
class Figure:
    """Metrics drawn together. `worse` says which way is worse: `more`, `less`, or nothing where neither is."""

    name: str
    title: str
    metrics: tuple[str, ...]
    nothing: str
    headline: str = ""
    worse: str = ""
    is_part: bool = False  # a percentage of something, whose whole range need not be shown
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        """The metric that its sentence is about."""
        return self.headline or self.metrics[0]

    @property
    def unit(self) -> str:
        """What its numbers are."""
        return METRICS[self.head].unit

    def label(self, metric: str, track: str) -> str:
        """Return what a line is called."""
        return f"{track} {self.words[metric]}" if metric in self.words else track


QUANTILES = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}
FIGURES = (
    Figure("requests", "Requests", ("requests",), "Nobody asked for a prediction in this range."),
    Figure(
        "latency",
        "Latency",
        tuple(QUANTILES),
        "No request, so no latency.",
        headline="p95_ms",
        worse="more",
        words=QUANTILES,
    ),
    Figure("errors", "Errors", ("errors",), "No request, so no error.", worse="more"),
    Figure(
        "accuracy",
        "Accuracy",
        ("accuracy",),
        "No label has come for the predictions of this range yet. Accuracy follows as labels come.",
        worse="less",
        is_part=True,
    ),
    Figure(
        "coverage",
        "Predictions with a label",
        ("coverage",),
        "Nothing was predicted in this range, so there is nothing to label.",
        is_part=True,
    ),
    Figure("cpu", "CPU", ("cpu",), "The use of CPU was not measured in this range.", worse="more"),
    Figure("memory", "Memory", ("memory",), "The use of memory was not measured in this range.", worse="more"),
)


def draw(figure: Figure, table: Lines, starts: Sequence[datetime], now: Lines, marks: Sequence[Mark] = ()) -> Chart:
    """Return the figure of these lines. `table` has a value for each of `starts`, `now` one: the last minutes'."""
    keys = [(metric, track) for track in TRACKS for metric in figure.metrics if (metric, track) in table]
    values = [value for key in keys for value in table[key] if value is not None]
    places = range(len(starts) - 1, -1, -1)
    return Chart(
        name=figure.name,
        title=figure.title,
        unit=figure.unit,
        sentence=sentence(figure, table, now),
        span_s=(starts[-1] - starts[0]).total_seconds(),
        lines=[_line(figure, metric, track) for metric, track in keys],
        rows=[Row(starts[place], [table[key][place] for key in keys]) for place in places],
        marks=marks,
        floor=_floor(values) if figure.name == "accuracy" else 0,
        top=FULL + ROOM if figure.is_part else charts.top_of(values),
    )


def _line(figure: Figure, metric: str, track: str) -> charts.Line:
    width = 2 if metric == figure.head else 1
    return charts.Line(f"{metric}.{track}", figure.label(metric, track), INKS[track], width)


def _floor(values: Sequence[float]) -> float:
    """Return a round number below the lowest value: differences near 100 % should be seen."""
    return max(0.0, math.floor(min(values, default=0.0) / STEP - 1) * STEP)


def sentence(figure: Figure, table: Lines, now: Lines) -> str:
    """Return what is so now, against the range's median and, for a canary, against the stable version."""
    told = [track for track in TRACKS if (figure.head, track) in table]
    if not told:
        return figure.nothing
    latest = {track: _only(now.get((figure.head, track))) for track in told}
    said = [_alone(figure, track, latest[track], table[figure.head, track]) for track in told if track != "canary"]
    if "canary" in told:
        said.append(_beside(figure, latest["canary"], latest.get("stable"), table[figure.head, "canary"]))
    return " ".join(said)


def _only(line: Line | None) -> float | None:
    return line[0] if line else None


def _alone(figure: Figure, track: str, value: float | None, line: Line) -> str:
    name = figure.label(figure.head, track).capitalize()
    usual = median(known for known in line if known is not None)
    if value is None:
        return f"{name}: not measured in the last minutes; the median of this range is {_number(figure, usual)}."
    return f"{name}: {_number(figure, value)} now, {_against(figure, value - usual)} the median of this range."


def _beside(figure: Figure, value: float | None, other: float | None, line: Line) -> str:
    if value is None or other is None:
        return _alone(figure, "canary", value, line)
    name = figure.label(figure.head, "canary").capitalize()
    return f"{name}: {_number(figure, value)} now, {_against(figure, value - other)} the stable version."


def _against(figure: Figure, difference: float) -> str:
    shown = _number(figure, abs(difference))
    if shown == _number(figure, 0):
        return "the same as"
    way = "more" if difference > 0 else "less"
    judged = "" if not figure.worse else " (worse)" if way == figure.worse else " (better)"
    return f"{shown} {way}{judged} than"


def _number(figure: Figure, value: float) -> str:
    places = 3 - math.floor(math.log10(abs(value))) if value else 0
    number = as_number(round(value, max(0, min(2, places))))
    return f"{significant(number) if number is not None else ''} {figure.unit}"
