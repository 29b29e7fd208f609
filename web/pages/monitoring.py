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

from core import clock
from core.refusals import Invalid, NotFound
from deployments import endpoints
from deployments.alerts import looking
from deployments.models import Endpoint
from deployments.shifts import Shift, shifts
from monitoring import letters
from monitoring.metrics import METRICS
from monitoring.minutes import last_over, last_told, minute_of, start_of
from monitoring.outcomes import report as outcomes_of
from monitoring.series import Grid, apart, drawn, first_minute, together
from registry.outcome_values import values_of
from web.actors import actor_of
from web.pages import drift, outcomes
from web.pages.charts import DAY_S, LATE_PCT, LEVELS, Before, Mark
from web.pages.figures import FIGURES, Around, draw, names_of

RANGES = {
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
USUAL = "1h"
BUCKETS = 400
POINTS = 2  # of each bucket: together as many as a chart has pixels
TABLE_ROWS = 48
CSV_ROWS = 1_000
NOW_MINUTES = 1
WORDS_PCT = 16.0  # of a chart's width, for the words of a mark
CLOSE_PCT = 1.5  # marks that lie this close are one
LEAST_PCT = 3.0  # a smaller part before the first minute is not worth saying


@dataclass(frozen=True)
class Span:
    """What is looked at: a range that ends with the last minute that is told of, or at a past one."""

    name: str
    until: datetime
    is_past: bool = False

    @classmethod
    def asked(cls, request: HttpRequest, endpoint: str, usual: str = USUAL) -> "Span":
        """Return the span of the address, `usual` long where it says no range; raise Invalid where it names none."""
        name, text = request.GET.get("range", usual), request.GET.get("until", "")
        if name not in RANGES:
            raise Invalid(f"The range is one of {', '.join(RANGES)}.", field="range")
        if not text:
            return cls(name, start_of(last_told(endpoint) + 1))
        try:
            return cls(name, start_of(minute_of(clock.told(text))), is_past=True)
        except ValueError as why:
            raise Invalid("`until` is a moment such as 2026-11-24T15:00.", field="until") from why

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
    first = first_minute(found.name)
    span = Span.asked(request, found.name, usual_of(first))
    grid = span.grid(TABLE_ROWS)
    names = apart(found.name, grid)
    table = together(found.name, grid, METRICS, names)
    now = together(found.name, Grid(minute_of(span.until) - NOW_MINUTES, NOW_MINUTES, 1), METRICS, names)
    moved = shifts(found, span.since, span.until)
    at = span.grid(BUCKETS).at
    around = Around(marks_of(moved, at), before_of(first, at))
    as_of = outcomes.as_of_of(request)
    told = outcomes_of(found.name, span.since, span.until, as_of)
    context = {
        "endpoint": found,
        "span": span,
        "tabs": [_tab(span, key) for key in RANGES],
        "charts": [draw(figure, table, grid.starts, now, around) for figure in FIGURES],
        "is_empty": not table,
        "outcomes": outcomes.panel(told, as_of, values_of(found.model)),
        "outcomes_csv": f"/endpoints/{found.name}/outcomes.csv?{_outcomes_query(span, as_of)}",
        "drift": drift.table(found.name, request.GET.get("version", "")),
        "firing": looking.firing(found),
        "floods": letters.floods(found.name),
        "shifts": moved[::-1],
        "source": f"/endpoints/{found.name}/series.json?{span.query()}",
        "csv": f"/endpoints/{found.name}/series.csv?{span.query()}",
        "permalink": f"/endpoints/{found.name}/monitoring?{span.query()}",
    }
    return render(request, "endpoints/monitoring.html", context)


def _outcomes_query(span: Span, as_of: datetime | None) -> str:
    """Return the query for the outcomes of just this span."""
    known = {"as_of": as_of.isoformat()} if as_of else {}
    return urlencode({"since": span.since.isoformat(), "until": span.until.isoformat(), **known})


def usual_of(first: int | None) -> str:
    """Return the range to begin with: the shortest that holds all since the `first` minute, an hour at most."""
    if first is None:
        return USUAL
    begun, until = start_of(first), start_of(last_over() + 1)
    return next((name for name, length in RANGES.items() if until - length <= begun or name == USUAL), USUAL)


def _tab(span: Span, key: str) -> dict[str, object]:
    query = f"?range={key}" + (f"&until={span.until:%Y-%m-%dT%H:%M}" if span.is_past else "")
    return {"label": key, "href": query, "current": key == span.name}


def before_of(first: int | None, at: Sequence[float]) -> Before | None:
    """Return the part of a chart before the endpoint's `first` minute, where the chart holds that minute."""
    if first is None:
        return None
    begun = start_of(first)
    pct = round(100 * (begun.timestamp() - at[0]) / (at[-1] - at[0]), 2)
    if not LEAST_PCT <= pct < 100:  # noqa: PLR2004 - percent
        return None
    moment = f"{begun:%H:%M}" if at[-1] - at[0] <= DAY_S else f"{begun:%m-%d}"
    return Before(pct, f"first measured {moment}" if pct > 2 * WORDS_PCT else "")


def marks_of(moved: Sequence[Shift], at: Sequence[float]) -> list[Mark]:
    """Return the shifts as marks on a chart whose points lie at `at`.

    Those that lie too close to be told apart are one mark; words that would overlap are left to the list.
    """
    width_s, free_from, marks = at[-1] - at[0], [0.0] * LEVELS, []
    places = [(round(100 * (shift.at.timestamp() - at[0]) / width_s, 2), shift) for shift in moved]
    for at_pct, close in _close([(place, shift) for place, shift in places if 0 <= place <= 100]):  # noqa: PLR2004 - percent
        begins = at_pct - WORDS_PCT if at_pct > LATE_PCT else at_pct
        level = next((level for level in range(LEVELS) if free_from[level] <= begins), None)
        label, title, href = _words(close[0]) if len(close) == 1 else _all_words(close)
        if level is not None:
            free_from[level] = begins + WORDS_PCT
        else:
            level, label = 0, ""
        marks.append(Mark(at_pct, level, label, title, href))
    return marks


def _close(places: Sequence[tuple[float, Shift]]) -> list[tuple[float, list[Shift]]]:
    """Return the shifts in groups of neighbours, each with where it begins."""
    groups: list[tuple[float, list[Shift]]] = []
    for place, shift in places:
        if groups and place - groups[-1][0] <= CLOSE_PCT:
            groups[-1][1].append(shift)
        else:
            groups.append((place, [shift]))
    return groups


def _words(shift: Shift) -> tuple[str, str, str]:
    """Return label, title and address of a mark. Both name the person where one acted."""
    rollout = f"deployment #{shift.rollout.pk} by {shift.rollout.created_by.username}"
    href, person = f"/deployments/{shift.rollout.pk}", f", {shift.acted}" if shift.acted else ""
    if shift.is_back:
        back = f"v{shift.version} back" if shift.version else "stopped"
        return f"{back}{person}", f"{back}: {rollout} was sent back by {shift.acted or 'evidence'}", href
    label = f"v{shift.version} {shift.share_pct} %"
    sent_on = f", sent on by {shift.acted}" if shift.acted else ""
    return f"{label}{person}", f"{label}, {rollout}{sent_on}", href


def _all_words(close: Sequence[Shift]) -> tuple[str, str, str]:
    titles = [_words(shift)[1] for shift in close]
    return f"{len(close)} moves", "\n".join(titles), "#moved"


@gzip_page
@require_GET
def series(request: HttpRequest, name: str, form: str) -> HttpResponse:
    """Answer with the points of the page's charts as JSON, or as a CSV of `chart` in fewer words than points."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    span = Span.asked(request, name)
    if form == "csv":
        return _csv(found, span, request.GET.get("chart", ""))
    if form != "json":
        raise NotFound(f"There is no {form[:10]} of it; there are json and csv.")
    grid = span.grid(BUCKETS)
    lines = {
        f"{metric}.{name}": [None if value is None else round(value, 4) for value in line]
        for (metric, name), line in drawn(found.name, grid, METRICS, apart(found.name, grid)).items()
    }
    return JsonResponse({"at": grid.at, "each": POINTS, "lines": lines})


def _csv(found: Endpoint, span: Span, chart: str) -> HttpResponse:
    metrics = next((figure.metrics for figure in FIGURES if figure.name == chart), tuple(METRICS))
    grid = span.grid(CSV_ROWS)
    lines = together(found.name, grid, metrics, apart(found.name, grid))
    keys = [(metric, name) for name in names_of(lines) for metric in metrics if (metric, name) in lines]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["from_utc", "minutes", *[f"{name.replace(' ', '_')}_{metric}" for metric, name in keys]])
    for place, start in enumerate(grid.starts):
        values = [lines[key][place] for key in keys]
        writer.writerow([f"{start:%Y-%m-%dT%H:%MZ}", grid.step, *["" if value is None else value for value in values]])
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.name}-{chart or "monitoring"}.csv"'
    return answer
