"""The pages of a run and of an experiment: where the links that the MLflow client prints lead."""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.preferences import preferences_of
from registry import evidence
from registry.experiments import find_experiment
from registry.models import Metric, ModelVersion, Run
from registry.run_search import search_runs
from registry.runs import find_run
from registry.search import Asked
from web.actors import actor_of
from web.pages.paging import address


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
        "metrics": [_metric(row, registered) for _, row in sorted(latest.items())],
        "params": [_pair("params", row.key, row.value, registered) for row in found.params.order_by("key")],
        "tags": [_pair("tags", row.key, row.value, registered) for row in found.tags.order_by("key")],
        "versions": [{"model": v.model.name, "version": v.version, "stage": v.stage} for v in registered],
    }
    return render(request, "runs/detail.html", context)


@require_GET
def experiment(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """Show the runs of an experiment, newest first: where the link leads that the client prints after each."""
    actor = actor_of(request)
    found = find_experiment(experiment_id, actor=actor)
    asked = Asked(max_results=preferences_of(actor.user).rows, token=request.GET.get("after", ""))
    listed = search_runs([experiment_id], asked, view="ACTIVE_ONLY", actor=actor)
    registered: dict[str, list[dict[str, object]]] = {}
    rows = ModelVersion.objects.visible_to(actor).filter(run_id__in=[row.pk for row in listed.rows])
    for run_id, name, number in rows.order_by("model__name", "version").values_list("run_id", "model__name", "version"):
        registered.setdefault(run_id, []).append({"model": name, "version": number})
    context = {
        "experiment": found,
        "rows": [_row(row, registered.get(row.pk, [])) for row in listed.rows],
        "newest": address(request, after=None) if asked.token else "",
        "older": address(request, after=listed.next_token) if listed.next_token else "",
    }
    return render(request, "runs/experiment.html", context)


def _row(row: Run, versions: list[dict[str, object]]) -> dict[str, object]:
    return {
        "run_id": row.run_id,
        "name": row.name,
        "status": row.status,
        "author": row.author.username,
        "started": _moment(row.start_time),
        "versions": versions,
    }


def _metric(row: Metric, registered: Iterable[ModelVersion]) -> dict[str, object]:
    """Return the metric, and where it is newer than a version registered from the run, what that version keeps."""
    value: object = row.special or row.value
    kept = [(version, evidence.read(version)["metrics"].get(row.key)) for version in registered]
    later = [{"model": v.model.name, "version": v.version, "kept": held} for v, held in kept if held != value]
    return {"key": row.key, "value": value, "later": later}


def _pair(part: str, key: str, value: str, registered: Iterable[ModelVersion]) -> dict[str, object]:
    """Return a parameter or tag, and whether each version registered from the run has it otherwise or not at all."""
    kept = [evidence.read(version)[part].get(key) for version in registered]
    return {"key": key, "value": value, "is_late": bool(kept) and value not in kept}


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC) if milliseconds else None
