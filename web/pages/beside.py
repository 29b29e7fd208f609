"""Two versions of an endpoint side by side, as they do live."""

import csv
import io
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from deployments import endpoints
from monitoring.beside import Beside, Compared, beside
from monitoring.stats.quality import Measure
from registry.outcome_values import values_of
from web.actors import actor_of
from web.pages.monitoring import Span
from web.pages.outcomes import QUALITY

USUAL = "24h"
SHOWN = ("1h", "6h", "24h", "7d")
WORDS = {
    "requests": "Requests",
    "errors": "Errors",
    "p50_ms": "p50 latency, ms",
    "p95_ms": "p95 latency, ms",
    "p99_ms": "p99 latency, ms",
    "cpu_s": "CPU of 1,000 predictions, s",
    "cost": "Cost of 1,000 predictions",
    "coverage": "Labelled",
    "value": "Value of a labelled prediction",
    **QUALITY,
}


@never_cache
@require_GET
def compare(request: HttpRequest, name: str) -> HttpResponse:
    """Show two versions' live numbers with intervals, or answer with them as CSV."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    span = Span.asked(request, found.name, USUAL)
    first, second = (request.GET.get(key, "") for key in ("first", "second"))
    told = beside(found.name, span.since, span.until, first, second, values_of(found.model))
    if request.GET.get("form") == "csv":
        return _csv(found.name, told)
    return render(request, "endpoints/beside.html", {"endpoint": found, "span": span, **shown(told, span)})


def shown(told: Beside, span: Span) -> dict[str, Any]:
    """Return what the page shows."""
    chosen = {"first": told.first, "second": told.second}
    return {
        "told": told,
        "rows": [(WORDS[one.name], one) for one in told.compared],
        "choices": [
            {"value": version, "label": f"v{version}"} for version in sorted({*told.versions, told.first} - {""})
        ],
        "tabs": [
            {"label": key, "href": f"?range={key}&first={told.first}&second={told.second}", "current": key == span.name}
            for key in SHOWN
        ],
        "sentence": sentence(told),
        "csv": f"?{span.query(**chosen, form='csv')}",
        "permalink": f"?{span.query(**chosen)}",
    }


def sentence(told: Beside) -> str:
    """Return what matters, in words."""
    if not told.hours:
        return ""
    parts = {
        word: [WORDS[one.name].partition(",")[0] for one in told.compared if one.word == word]
        for word in ("worse", "better")
    }
    said = [f"{word} in {', '.join(names)}" for word, names in parts.items() if names]
    many = "the one hour" if told.hours == 1 else f"the {told.hours} hours"
    verdict = "; ".join(said) if said else "no better or worse than chance would have it"
    return f"v{told.second} beside v{told.first}, in {many} in which both were asked: {verdict}."


def _csv(endpoint: str, told: Beside) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out)
    sides = [f"v{version}{part}" for version in (told.first, told.second) for part in ("", "_low", "_high", "_of")]
    writer.writerow(["measure", *sides, "difference", "difference_low", "difference_high", "is"])
    writer.writerows(_cells(one) for one in told.compared)
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{endpoint}-v{told.first}-v{told.second}.csv"'
    return answer


def _cells(one: Compared) -> list[object]:
    return [one.name, *_side(one.first), *_side(one.second), *(one.gap or ("", "", "")), one.word]


def _side(measure: Measure | None) -> list[object]:
    return [measure.value, measure.low, measure.high, measure.of] if measure else ["", "", "", ""]
