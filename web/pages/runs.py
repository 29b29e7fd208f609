"""The page of a run: where the links that the MLflow client prints lead."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from registry import evidence
from registry.models import ModelVersion
from registry.runs import find_run
from web.actors import actor_of


@require_GET
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show what a run logged and what was registered from it."""
    actor = actor_of(request)
    found = find_run(run_id, actor=actor)
    registered = (
        ModelVersion.objects.visible_to(actor)
        .filter(run_id=run_id)
        .select_related("model")
        .order_by("model__name", "version")
    )
    latest = evidence.latest_metrics(found.metrics.newest())
    context = {
        "run": found,
        "started": _moment(found.start_time),
        "ended": _moment(found.end_time),
        "metrics": [{"key": key, "value": latest[key].special or latest[key].value} for key in sorted(latest)],
        "params": found.params.order_by("key"),
        "tags": found.tags.order_by("key"),
        "versions": [{"model": v.model.name, "version": v.version, "stage": v.stage} for v in registered],
    }
    return render(request, "runs/detail.html", context)


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC) if milliseconds else None
