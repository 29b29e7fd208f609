"""Drift of an endpoint's features: a table of all, and of one what was usual beside what comes now."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core.refusals import Invalid, NotFound
from deployments import alarms, endpoints
from monitoring import drift, folding
from monitoring.drift import Seen
from monitoring.stats.pictures import Bar, bars
from monitoring.stats.profiles import MISSING, Severity
from web.actors import actor_of
from web.pages.forms import Form, posted
from web.templatetags.signoff import num_filter

LOOKS = {
    Severity.NONE: ("neutral", "minus"),
    Severity.MINOR: ("neutral", "flag"),
    Severity.MODERATE: ("warn", "triangle-alert"),
    Severity.MAJOR: ("bad", "triangle-alert"),
}
SPARK_TOP = 0.3  # of a distance, that a small picture shows at least
HIGHEST_PCT = 92.0  # of a picture's height, that its highest bar takes
WIDTH_PCT = 100.0
EN_DASH = "\N{EN DASH}"
GAP = 0.12  # of a bar's place, left free on either side
CALM, UNJUDGED = "Not drifted: no more than chance, or too small to matter.", "No day of it is judged yet."
WIDEST = "The widest gap between it and its reference is"
MORE_MISSING = "The share of its rows that are missing differs from its reference's by"


@dataclass(frozen=True)
class Row:
    """One feature in the table."""

    seen: Seen
    href: str

    @property
    def distance(self) -> float | None:
        """How far it is on its newest day."""
        return self.seen.effect.distance if self.seen.effect else None

    @property
    def look(self) -> tuple[str, str]:
        """Colour and icon of its severity."""
        return LOOKS[self.seen.severity]

    @property
    def is_alarm(self) -> bool:
        """Whether it has drifted by more than chance."""
        return self.seen.feature.alarm_since is not None

    @property
    def missing_then(self) -> str:
        """Which part of the reference has no value."""
        return percent(self.seen.baseline.usual.missing_share)

    @property
    def missing_now(self) -> str:
        """Which part of the newest day has none."""
        window = self.seen.window
        return percent(window.missing_share if window.rows else None)

    @property
    def judged(self) -> list[dict[str, Any]]:
        """Its days that were judged, the newest first."""
        return [{**vars(day), "date": drift.date_of(day.day)} for day in reversed(self.seen.before)]

    @property
    def opinions(self) -> list[dict[str, Any]]:
        """What other detectors say of it."""
        return [{**vars(said), "date": drift.date_of(said.day)} for said in self.seen.opinions]

    @property
    def is_judged(self) -> bool:
        """Whether any day of it was judged."""
        return self.seen.feature.last_day > 0

    @property
    def days(self) -> list[float]:
        """How far it was each day, the newest last."""
        past = [day.distance for day in self.seen.before if day.day < self.seen.day]
        return past if self.distance is None else [*past, self.distance]

    @property
    def spark(self) -> str:
        """Its days as the points of a small line, 100 by 24; nothing of one day."""
        if not self.days[1:]:
            return ""
        top, step = max(SPARK_TOP, *self.days), 100 / (len(self.days) - 1)
        return " ".join(f"{place * step:.1f},{23 - 22 * value / top:.1f}" for place, value in enumerate(self.days))


@dataclass(frozen=True)
class Waiting:
    """Features of a version that have no reference yet, and how many rows are there that will be it."""

    version: str
    rows: int
    names: Sequence[str]


def table(endpoint: str, version: str = "") -> dict[str, Any]:
    """Return what the table of drift shows: of `version`, or of the one that was asked last."""
    versions = drift.versions_of(endpoint)
    shown = version or next(iter(versions), "")
    rows = [Row(seen, address(endpoint, shown, seen.feature.name)) for seen in drift.seen(endpoint, shown)]
    waiting = {name: folding.waiting_rows(endpoint, name) for name in folding.waiting_versions(endpoint)}
    return {
        "rows": rows,
        "version": shown,
        "others": [name for name in versions if name != shown],
        "sentence": summary(shown, rows),
        "waiting": [Waiting(name, max(counts.values()), sorted(counts)) for name, counts in waiting.items() if counts],
        "enough": folding.ENOUGH,
    }


def address(endpoint: str, version: str, feature: str) -> str:
    """Return where a feature is shown."""
    return f"/endpoints/{endpoint}/drift?{urlencode({'version': version, 'feature': feature})}"


def summary(version: str, rows: Sequence[Row]) -> str:
    """Return in words how many features of a version have drifted; nothing of none."""
    if not rows:
        return ""
    if not any(row.is_judged for row in rows):
        return f"Version {version}: {_many(rows)} counted, and no day is judged yet. {_rows_of(rows[0].seen)}"
    first, drifted = rows[0].seen, [row.seen.feature.name for row in rows if row.is_alarm]
    said = f"{drifted[0]} has" if len(drifted) == 1 else f"{len(drifted)} of {len(rows)} features have"
    told = f"{said} drifted." if drifted else f"None of {len(rows)} features has drifted."
    return f"Version {version}: {told} {_rows_of(first)}"


def _many(rows: Sequence[Row]) -> str:
    return "one feature is" if len(rows) == 1 else f"{len(rows)} features are"


def _rows_of(seen: Seen) -> str:
    drawn = f" drawn from {seen.of:,}" if seen.of > seen.window.rows else ""
    so_far, judged = ("", "") if seen.is_over else (" so far", " A day is judged once it is over.")
    return f"{drift.date_of(seen.day):%-d %B}{so_far}: {seen.window.rows:,} rows{drawn}.{judged}"


@never_cache
@require_http_methods(["GET", "POST"])
def feature(request: HttpRequest, name: str) -> HttpResponse:
    """Show one feature of a version, answer with its bars as CSV, or take who looked at its alarm."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    version, wanted = (request.GET.get(key, "") for key in ("version", "feature"))
    form = Form(comment=posted(request, "comment"))
    if request.method == "POST":
        try:
            alarms.acknowledge(found, version, wanted, comment=str(form["comment"].value), actor=actor)
        except Invalid as why:
            form.blame(why)
        else:
            return HttpResponseRedirect(address(found.name, version, wanted))
    if (seen := drift.one(found.name, version, wanted)) is None:
        raise NotFound(f"Nothing is counted of a feature {wanted[:60]!r} of version {version[:20]!r}.")
    if request.GET.get("form") == "csv":
        return _csv(found.name, seen)
    may = alarms.may_acknowledge(found, actor=actor)
    context = {"endpoint": found, "form": form, "may_acknowledge": may, **shown(found.name, seen)}
    return render(request, "endpoints/drift.html", context, status=400 if form.errors else 200)


def shown(endpoint: str, seen: Seen) -> dict[str, Any]:
    """Return what the page of a feature shows."""
    row = Row(seen, address(endpoint, seen.feature.version, seen.feature.name))
    pictures = [(signal, picture(found)) for signal, found in _bars(seen).items()]
    return {"row": row, "seen": seen, "sentence": sentence(seen), "pictures": pictures, "csv": f"{row.href}&form=csv"}


def sentence(seen: Seen) -> str:
    """Return what matters of a feature, in words."""
    effect, since = seen.effect, seen.feature.alarm_since
    if effect is None:
        return "Nothing came on its newest day."
    gap = MORE_MISSING if effect.signal == MISSING else WIDEST
    index = f", its stability index {effect.stability:.2f}" if effect.stability is not None else ""
    calm = CALM if seen.feature.last_day else UNJUDGED
    verdict = f"Drifted since {since:%-d %B}: {seen.severity}." if since else calm
    return f"{gap} {effect.distance:.3f}{index}. {verdict} {_rows_of(seen)}"


def _bars(seen: Seen) -> dict[str, list[Bar]]:
    counts = seen.window.counts
    return {
        name: bars(cells, counts.get(name) or [0] * len(cells.counts)) for name, cells in seen.baseline.cells.items()
    }


@dataclass(frozen=True)
class Column:
    """A bar of the reference and one of the window, in parts of the picture."""

    label: str
    bar: Bar
    x_pct: float
    width_pct: float
    then_pct: float
    now_pct: float

    @property
    def then(self) -> str:
        """The reference's share, in words."""
        return percent(self.bar.then)

    @property
    def now(self) -> str:
        """The window's share, in words."""
        return percent(self.bar.now)

    @property
    def then_y(self) -> float:
        """Where the reference's bar begins, from the top."""
        return WIDTH_PCT - self.then_pct

    @property
    def now_y(self) -> float:
        """Where the window's bar begins, from the top."""
        return WIDTH_PCT - self.now_pct

    @property
    def inner_x(self) -> float:
        """Where the window's bar stands, within the reference's."""
        return round(self.x_pct + self.width_pct / 4, 3)

    @property
    def inner_width(self) -> float:
        """How wide it is."""
        return round(self.width_pct / 2, 3)


def picture(found: Sequence[Bar]) -> list[Column]:
    """Return bars as a picture: the highest fills its height."""
    top, place = max(max(bar.then, bar.now or 0.0) for bar in found) or 1.0, WIDTH_PCT / len(found)
    return [
        Column(
            label(bar),
            bar,
            round(place * (number + GAP), 3),
            round(place * (1 - 2 * GAP), 3),
            round(HIGHEST_PCT * bar.then / top, 3),
            round(HIGHEST_PCT * (bar.now or 0.0) / top, 3),
        )
        for number, bar in enumerate(found)
    ]


def percent(part: float | None) -> str:
    """Return a part of 1 as a percentage; a dash of nothing."""
    return EN_DASH if part is None else f"{100 * part:.1f} %"


def label(bar: Bar) -> str:
    """Return what a bar stands for."""
    if bar.level:
        return bar.level
    if bar.low is None:
        return f"up to {num_filter(bar.high)}"
    return f"over {num_filter(bar.low)}" if bar.high is None else f"{num_filter(bar.low)} to {num_filter(bar.high)}"


def _csv(endpoint: str, seen: Seen) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["signal", "bar", "over", "up_to", "reference_share", "window_share"])
    for signal, found in _bars(seen).items():
        for bar in found:
            writer.writerow(
                [signal, label(bar), bar.low, bar.high, f"{bar.then:.6f}", "" if bar.now is None else f"{bar.now:.6f}"]
            )
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{endpoint}-drift.csv"'
    return answer
