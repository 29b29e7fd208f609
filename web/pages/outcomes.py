"""Outcomes of an endpoint's versions by their labels: a table with intervals, what it rests on, and the same as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from core.refusals import Invalid
from deployments import endpoints
from monitoring import outcomes
from monitoring.outcomes import Line, Report
from monitoring.stats import quality
from monitoring.stats.quality import Arrived, Estimate, Measure, Slice, Worths
from monitoring.stats.told import Told
from web.actors import actor_of
from web.pages.cells import inert
from web.templatetags.signoff import as_moment

QUALITY = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "auc": "AUC",
    "brier": "Brier",
    "ece": "Calibration error",
    "mae": "Mean error",
    "rmse": "Root mean square error",
}
WORDS = {**QUALITY, "value": "Value"}
SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
WIDE, HIGH = 100.0, 22.0
LISTED = 31  # windows; all are in the CSV
LONE = 1.5  # how wide a window between gaps is drawn


@dataclass(frozen=True)
class Row:
    """One version on one track."""

    line: Line
    starts: Sequence[datetime]
    worths: Worths

    @property
    def name(self) -> str:
        """What it is called."""
        return f"v{self.line.part.version or '?'}"

    @property
    def title(self) -> str:
        """The same, with its track."""
        return f"{self.name} on {self.line.part.track}"

    @property
    def head_words(self) -> str:
        """The measure that it is told by, in words."""
        return WORDS.get(self.head, "Measure")

    @property
    def covered(self) -> str:
        """Which part of its requests has a label."""
        return _percent(self.line.told.labelled, self.line.told.asked) if self.line.told.asked else "none"

    @property
    def by_scores(self) -> str:
        """Which part of its estimate rests on scores alone."""
        return f"{100 * self.line.estimate.part:.0f} %" if self.line.estimate else ""

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """What its labels say."""
        return quality.measures(self.line.told, self.worths)

    @cached_property
    def head(self) -> str:
        """The measure that it is told by; nothing without labels."""
        found = quality.head_of(self.line.told)
        return found[0] if found else ""

    @property
    def estimate(self) -> Estimate | None:
        """Its accuracy with what scores say of requests without a label."""
        return self.line.estimate

    @cached_property
    def worst(self) -> Slice | None:
        """Its worst segment, where that is worse by more than chance."""
        return next((one for one in self.segments if one.is_worse), None)

    @cached_property
    def segments(self) -> list[Slice]:
        """Its segments, the worst first."""
        return quality.slices(self.line.told)

    @property
    def classes(self) -> list[tuple[str, Measure | None, Measure | None]]:
        """Precision and recall of each class, where there are more than two."""
        told = self.line.told
        names = [] if quality.is_regression(told) else quality.classes(told)
        return [(name, quality.precision(told, name), quality.recall(told, name)) for name in names if names[2:]]

    @property
    def arrived(self) -> str:
        """How its labels come, in words; nothing where none came."""
        if not self.line.told.labelled:
            return ""
        parts = [f"{_percent(point.labelled, point.of)} within {span_words(point)}" for point in self.line.delays]
        return ", ".join(parts)

    @cached_property
    def trend(self) -> list[str]:
        """Its first measure over time as lines of a small picture, 100 by 24; a window without labels is a gap."""
        found = {at: measure.value for at, _, measure in self.windows if measure}
        values = [found.get(start) for start in self.starts]
        known = [value for value in values if value is not None]
        if not known[1:]:
            return []
        low, step = min(known), WIDE / max(1, len(values) - 1)
        scale = HIGH / ((max(known) - low) or 1.0)
        return [
            " ".join(f"{place * step:.1f},{1 + HIGH - (value - low) * scale:.1f}" for place, value in run)
            for run in _runs(values, LONE / step)
        ]

    @cached_property
    def windows(self) -> list[tuple[datetime, Told, Measure | None]]:
        """Its windows with requests, the newest first; the page shows LISTED of them."""
        found = [(at, told, quality.head_of(told)) for at, told in sorted(self.line.windows.items(), reverse=True)]
        return [(at, told, head[1] if head and head[0] == self.head else None) for at, told, head in found]


def _runs(values: Sequence[float | None], lone: float) -> Iterator[list[tuple[float, float]]]:
    """Yield neighbours that are known, with their places; one alone is drawn `lone` places wide."""
    run: list[tuple[float, float]] = []
    for place, value in enumerate([*values, None]):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run if run[1:] else [(run[0][0], run[0][1]), (run[0][0] + lone, run[0][1])]
            run = []


def _percent(part: int, of: int) -> str:
    return f"{100 * part / of:.0f} %"


def span_words(point: Arrived) -> str:
    """Return how long, in words."""
    for seconds, word in SPANS:
        if point.within_s >= seconds:
            count = point.within_s // seconds
            return f"{count} {word}s" if count > 1 else f"a{'n' if word == 'hour' else ''} {word}"
    return f"{point.within_s} s"


def as_of_of(request: HttpRequest) -> datetime | None:
    """Return the moment of the address as of which labels are asked for; raise Invalid where it names none."""
    if not (text := request.GET.get("as_of", "")):
        return None
    if (moment := as_moment(text)) is None:
        raise Invalid("`as_of` is a moment such as 2026-11-24T15:00.", field="as_of")
    return moment


def panel(report: Report, as_of: datetime | None = None, worths: Worths | None = None) -> dict[str, Any]:
    """Return what the panel of outcomes shows."""
    rows = [Row(line, report.starts, worths or {}) for line in report.lines]
    names = [name for name in WORDS if any(name in row.measures for row in rows)]
    return {
        "rows": rows,
        "names": [(name, WORDS[name]) for name in names],
        "cells": [(row, [(WORDS[name].lower(), row.measures.get(name)) for name in names]) for row in rows],
        "sentences": [sentence(row) for row in rows],
        "report": report,
        "is_daily": report.step > timedelta(hours=1),
        "as_of": as_of,
        "listed": f":{LISTED}",
        "has_labels": any(row.line.told.labelled for row in rows),
    }


def sentence(row: Row) -> str:
    """Return what matters of one version, in words."""
    told, measure, worst = row.line.told, row.measures.get(row.head), row.worst
    covered = f"{told.labelled:,} of {told.asked:,} predictions are labelled ({row.covered})."
    said = f"{row.head_words.lower()} {_interval(measure)}; " if measure else ""
    guess = f" {_guess(row.estimate)}" if row.estimate else ""
    bad = f" Worst segment: {worst.name}, {worst.measure.value:.3f} of {worst.measure.of:,} rows." if worst else ""
    return f"{row.title}: {said}{covered}{guess}{bad}"


def _interval(measure: Measure) -> str:
    return f"{measure.value:.3f} ({measure.low:.3f} to {measure.high:.3f})"


def _guess(guess: Estimate) -> str:
    return f"Estimated of all: {guess.accuracy:.3f}, {100 * guess.part:.0f} % of it by scores alone."


@require_GET
def table(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with each measure of each version, in all and window by window, as CSV."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    since, until = (as_moment(request.GET.get(key, "")) for key in ("since", "until"))
    if since is None or until is None:
        raise Invalid("`since` and `until` are moments such as 2026-11-24T15:00.", field="since")
    report = outcomes.report(found.name, since, until, as_of_of(request))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            "from_utc",
            "hours",
            "version",
            "track",
            "segment",
            "asked",
            "labelled",
            "measure",
            "value",
            "low",
            "high",
            "rows",
        ]
    )
    for line in report.lines:
        writer.writerows(_lines(report, line))
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.name}-outcomes.csv"'
    return answer


def _lines(report: Report, line: Line) -> Iterator[list[object]]:
    whole = (report.until - report.since) // timedelta(hours=1)
    for at, hours, told in [(report.since, whole, line.told), *_windows(report, line)]:
        head = [f"{at:%Y-%m-%dT%H:%MZ}", hours, line.part.version, line.part.track]
        counts = [told.asked, told.labelled]
        yield [*head, "", *counts, *_cells("coverage", quality.coverage(told))]
        yield from ([*head, "", *counts, *_cells(name, one)] for name, one in quality.measures(told).items())
        for one in quality.slices(told):
            yield [*head, inert(one.name), *counts, *_cells("slice", one.measure)]


def _windows(report: Report, line: Line) -> Iterator[tuple[datetime, int, Told]]:
    hours = report.step // timedelta(hours=1)
    yield from ((at, hours, told) for at, told in sorted(line.windows.items()))


def _cells(name: str, measure: Measure | None) -> list[object]:
    return [name, measure.value, measure.low, measure.high, measure.of] if measure else [name, "", "", "", 0]
