"""The monitoring page of an endpoint: what each track did over time, and when traffic moved."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET

from core.refusals import Invalid, NotFound
from deployments import endpoints
from deployments.models import Endpoint
from deployments.shifts import Shift, shifts
from monitoring.minutes import last_over, minute_of, start_of
from monitoring.series import METRICS, Grid, drawn, together
from web.actors import actor_of
from web.pages.charts import LEVELS, Mark
from web.pages.figures import FIGURES, TRACKS, draw
from web.templatetags.signoff import as_moment

RANGES = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
USUAL = "1h"
BUCKETS = 400  # two points each: as many as a chart has pixels
TABLE_ROWS = 48
CSV_ROWS = 1_000
NOW_MINUTES = 1
WORDS_PCT = 16.0  # of a chart's width, for the words of a mark


@dataclass(frozen=True)
class Span:
    """What is looked at: a range that ends with the last minute that is told of, or at a past one."""

    name: str
    until: datetime
    is_past: bool = False

    @classmethod
    def asked(cls, request: HttpRequest) -> "Span":
        """Return the span of the address; raise Invalid where it names none."""
        name, text = request.GET.get("range", USUAL), request.GET.get("until", "")
        if name not in RANGES:
            raise Invalid(f"The range is one of {', '.join(RANGES)}.", field="range")
        if not text:
            return cls(name, start_of(last_over() + 1))
        if (moment := as_moment(text)) is None:
            raise Invalid("`until` is a moment such as 2026-11-24T15:00.", field="until")
        return cls(name, start_of(minute_of(moment)), is_past=True)

    @property
    def since(self) -> datetime:
        """When it begins."""
        return self.until - RANGES[self.name]

    def grid(self, most: int) -> Grid:
        """Return its buckets."""
        return Grid.over(self.since, self.until, most)

    def query(self, **more: str) -> str:
        """Return the address's query for just this span, also later."""
        return urlencode({"range": self.name, "until": f"{self.until:%Y-%m-%dT%H:%M}", **more})


@never_cache
@require_GET
def monitoring(request: HttpRequest, name: str) -> HttpResponse:
    """Show what an endpoint's versions did: traffic, latency, errors, accuracy, CPU and memory."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    span = Span.asked(request)
    grid = span.grid(TABLE_ROWS)
    table = together(found.name, grid, METRICS)
    now = together(found.name, Grid(minute_of(span.until) - NOW_MINUTES, NOW_MINUTES, 1), METRICS)
    moved = shifts(found, span.since, span.until)
    marks = marks_of(moved, span.grid(BUCKETS).at)
    context = {
        "endpoint": found,
        "span": span,
        "tabs": [_tab(span, key) for key in RANGES],
        "charts": [draw(figure, table, grid.starts, now, marks) for figure in FIGURES],
        "is_empty": not table,
        "shifts": moved[::-1],
        "source": f"/endpoints/{found.name}/series.json?{span.query()}",
        "csv": f"/endpoints/{found.name}/series.csv?{span.query()}",
        "permalink": f"/endpoints/{found.name}/monitoring?{span.query()}",
    }
    return render(request, "endpoints/monitoring.html", context)


def _tab(span: Span, key: str) -> dict[str, object]:
    query = f"?range={key}" + (f"&until={span.until:%Y-%m-%dT%H:%M}" if span.is_past else "")
    return {"label": key, "href": query, "current": key == span.name}


def marks_of(moved: Sequence[Shift], at: Sequence[float]) -> list[Mark]:
    """Return the shifts as marks on a chart whose points lie at `at`; words that would overlap are left to the list."""
    width_s, free_from, marks = at[-1] - at[0], [0.0] * LEVELS, []
    for shift in moved:
        at_pct = round(100 * (shift.at.timestamp() - at[0]) / width_s, 2)
        if not 0 <= at_pct <= 100:  # noqa: PLR2004 - percent
            continue
        level = next((level for level in range(LEVELS) if free_from[level] <= at_pct), None)
        label, title = _words(shift)
        if level is not None:
            free_from[level] = at_pct + WORDS_PCT
        else:
            level, label = 0, ""
        marks.append(Mark(at_pct, level, label, title, f"/deployments/{shift.rollout.pk}"))
    return marks


def _words(shift: Shift) -> tuple[str, str]:
    who = f"deployment #{shift.rollout.pk} by {shift.rollout.created_by.username}"
    if shift.is_back:
        back = f"v{shift.version} back" if shift.version else "stopped"
        return back, f"{back}: {who} was sent back"
    label = f"v{shift.version} {shift.share_pct} %"
    return label, f"{label}, {who}"


@gzip_page
@require_GET
def series(request: HttpRequest, name: str, form: str) -> HttpResponse:
    """Answer with the points of the page's charts as JSON, or as a CSV of `chart` in fewer words than points."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    span = Span.asked(request)
    if form == "csv":
        return _csv(found, span, request.GET.get("chart", ""))
    if form != "json":
        raise NotFound(f"There is no {form[:10]} of it; there are json and csv.")
    grid = span.grid(BUCKETS)
    lines = {
        f"{metric}.{track}": [None if value is None else round(value, 4) for value in line]
        for (metric, track), line in drawn(found.name, grid, METRICS).items()
    }
    return JsonResponse({"at": grid.at, "lines": lines})


def _csv(found: Endpoint, span: Span, chart: str) -> HttpResponse:
    metrics = next((figure.metrics for figure in FIGURES if figure.name == chart), tuple(METRICS))
    grid = span.grid(CSV_ROWS)
    lines = together(found.name, grid, metrics)
    keys = [(metric, track) for track in TRACKS for metric in metrics if (metric, track) in lines]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["from_utc", "minutes", *[f"{track}_{metric}" for metric, track in keys]])
    for place, start in enumerate(grid.starts):
        values = [lines[key][place] for key in keys]
        writer.writerow([f"{start:%Y-%m-%dT%H:%MZ}", grid.step, *["" if value is None else value for value in values]])
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.name}-{chart or "monitoring"}.csv"'
    return answer
