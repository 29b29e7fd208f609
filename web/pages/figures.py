"""The figures of an endpoint: which metrics stand together, and the sentence that says what matters in each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from statistics import median

from monitoring.metrics import METRICS
from monitoring.series import Line, Lines
from web.pages import charts
from web.pages.charts import INKS, Before, Chart, Mark, Row
from web.templatetags.signoff import significant

TRACKS = ("stable", "canary", "shadow")
FULL = 100.0  # percent
ROOM = 0.15  # of the axis, above it
STEP = 10.0
MOST_TOLD = 2  # lines that ended and still have a sentence each
LEAST = 0.01  # what two decimals can say


@dataclass(frozen=True)
class Figure:
    """Metrics drawn together. `worse` says which way is worse: `more`, `less`, or nothing where neither is."""

    name: str
    title: str
    metrics: tuple[str, ...]
    nothing: str
    headline: str = ""
    worse: str = ""
    is_part: bool = False  # a percentage that cannot pass 100
    is_comparable: bool = True  # whether canary and stable version should be alike
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        """The metric that its sentence is about."""
        return self.headline or self.metrics[0]

    @property
    def unit(self) -> str:
        """What its numbers are."""
        return METRICS[self.head].unit

    def label(self, metric: str, name: str) -> str:
        """Return what a line is called."""
        return f"{name} {self.words[metric]}" if metric in self.words else name


@dataclass(frozen=True)
class Around:
    """What every figure of a page shows beside its lines."""

    marks: Sequence[Mark] = ()
    before: Before | None = None


QUANTILES = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}
FIGURES = (
    Figure("requests", "Requests", ("requests",), "Nobody asked for a prediction in this range.", is_comparable=False),
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
    Figure(
        "value",
        "Business value",
        ("value",),
        "Nobody said what the requests of this range were worth. Labels may carry a value.",
        worse="less",
    ),
    Figure("cpu", "CPU", ("cpu",), "The use of CPU was not measured in this range."),
    Figure("memory", "Memory", ("memory",), "The use of memory was not measured in this range."),
    Figure(
        "replicas",
        "Model servers",
        ("replicas",),
        "How many model servers there were was not measured in this range.",
        is_comparable=False,
    ),
)


def draw(figure: Figure, table: Lines, starts: Sequence[datetime], now: Lines, around: Around = Around()) -> Chart:
    """Return the figure of these lines. `table` has a value for each of `starts`, `now` one: the last minutes'."""
    keys = [(metric, name) for name in names_of(table) for metric in figure.metrics if (metric, name) in table]
    values = [value for key in keys for value in table[key] if value is not None]
    floor = _floor(values) if figure.name == "accuracy" else 0.0
    names = names_of(table)
    places = {name: [one for one in names if track_of(one) == track_of(name)].index(name) for name in names}
    return Chart(
        name=figure.name,
        title=figure.title,
        unit=figure.unit,
        sentence=sentence(figure, table, now),
        span_s=(starts[-1] - starts[0]).total_seconds(),
        lines=[_line(figure, metric, name, places[name]) for metric, name in keys],
        rows=[Row(starts[at], [table[key][at] for key in keys]) for at in range(len(starts) - 1, -1, -1)],
        marks=around.marks,
        before=around.before,
        floor=floor,
        top=FULL + ROOM * (FULL - floor) if figure.is_part else charts.top_of(values),
    )


def names_of(lines: Lines) -> list[str]:
    """Return the names of the lines, stable first: `stable`, `canary` or `canary v7` where there were several."""
    names = sorted({name for _, name in lines}, key=lambda name: (len(name), name))  # v9 before v10
    return [name for track in TRACKS for name in names if track_of(name) == track]


def track_of(name: str) -> str:
    """Return the track that a line belongs to."""
    return name.partition(" ")[0]


def _line(figure: Figure, metric: str, name: str, place: int) -> charts.Line:
    width = 2 if metric == figure.head else 1
    return charts.Line(f"{metric}.{name}", figure.label(metric, name), INKS[track_of(name)], width, place)


def _floor(values: Sequence[float]) -> float:
    """Return a round number below the lowest value: differences near 100 % should be seen."""
    return max(0.0, math.floor(min(values, default=0.0) / STEP - 1) * STEP)


def sentence(figure: Figure, table: Lines, now: Lines) -> str:
    """Return what is so now, against the range's median and, for a canary, against the stable version."""
    lines = {name: table[figure.head, name] for name in names_of(table) if (figure.head, name) in table}
    latest = {name: now.get((figure.head, name), [None])[0] for name in lines}
    past = [name for name in lines if name != "stable" and latest[name] is None]
    left_out = past if len(past) > MOST_TOLD else []
    said = [_told(figure, name, latest, line) for name, line in lines.items() if name not in left_out]
    if left_out:
        said.append(f"{len(left_out)} earlier lines, from {left_out[0]} to {left_out[-1]}, are in the table.")
    return " ".join(said) or figure.nothing


def _told(figure: Figure, line_name: str, latest: Mapping[str, float | None], line: Line) -> str:
    label, value, other = figure.label(figure.head, line_name), latest[line_name], latest.get("stable")
    name = label[0].upper() + label[1:]
    usual = median(known for known in line if known is not None)
    if value is None:
        return f"{name}: not measured in the last minute; the median of this range is {amount(usual)} {figure.unit}."
    if line_name != "stable" and figure.is_comparable and other is not None:
        against = f"{_difference(figure, value - other)} the stable version"
    else:
        against = f"{_difference(figure, value - usual)} the median of this range"
    return f"{name}: {amount(value)} {figure.unit} in the last minute, {against}."


def _difference(figure: Figure, difference: float) -> str:
    shown = number(abs(difference))
    if shown == number(0):
        return "the same as"
    way = "more" if difference > 0 else "less"
    judged = "" if not figure.worse else " (worse)" if way == figure.worse else " (better)"
    unit = figure.unit if figure.unit != "%" else "point" if shown == "1" else "points"
    return f"{shown} {unit} {way}{judged} than"


def amount(value: float) -> str:
    """Return a number as `number` does; what is little is not said to be nothing."""
    shown = number(value)
    return f"under {LEAST:g}" if value > 0 and shown == number(0) else shown


def number(value: float) -> str:
    """Return a number as a sentence says it: two decimals below 10, one below 100, none from there."""
    places = 2 if abs(value) < STEP else 1 if abs(value) < FULL else 0
    return significant(Decimal(str(round(value, places))))
