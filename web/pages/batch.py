"""Pages of files that an endpoint scores: the list with the form, and one file with what came of it so far."""

import csv
import io
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actors import Actor
from core import clock
from core.refusals import Invalid, Refusal
from deployments import endpoints
from deployments.batch import jobs, schedules
from deployments.batch.cron import Cron
from deployments.batch.jobs import Wish
from deployments.models import BatchJob, BatchSchedule, Endpoint
from deployments.states import BATCH_LIVE, BatchState
from deployments.targets.kinds import target
from monitoring.stats.profiles import Severity
from registry import blobs, history
from web import files
from web.actors import actor_of
from web.errors import wants_json
from web.pages.drift import LOOKS
from web.pages.forms import Form, posted
from web.pages.needed import needed
from web.pages.paging import counted, listed
from web.pages.parts import unchanged
from web.pages.uploads import at_most

SHOWN = 20  # rejected rows; all are in the file
PREVIEW_BYTES = 16_384
PHASES = {
    "preparing": "Its environment and the model's files are put in place.",
    "scoring": "",
    "joining": "The parts are joined.",
}
SAID = frozenset({"invalid", "not_found", "conflict", "too_large"})


@at_most(settings.MAX_UPLOAD_BYTES)
@never_cache
@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest, name: str) -> HttpResponse:
    """Show which files were scored, or take one that is uploaded."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    form = _form(request)
    if request.method == "POST":
        try:
            job = _asked(request, found, actor)
        except Refusal as why:
            if why.kind not in SAID:
                raise
            form.blame(why)
        else:
            place = f"/endpoints/{found.name}/batch/{job.pk}"
            return JsonResponse({"href": place}) if wants_json(request) else HttpResponseRedirect(place)
    if wants_json(request) and form.errors:
        return JsonResponse({"errors": form.errors}, status=400)
    return _page(request, found, actor, form)


def _form(request: HttpRequest) -> Form:
    return Form(
        files="",
        address=posted(request, "address"),
        cron=posted(request, "cron"),
        result=posted(request, "result") or BatchJob.Kind.PARQUET,
        id_column=posted(request, "id_column"),
    )


def _asked(request: HttpRequest, found: Endpoint, actor: Actor) -> BatchJob:
    """Return the job that the form asks for: of a file that comes with it, or of one in the artifact store."""
    wish = Wish(posted(request, "result") or BatchJob.Kind.PARQUET, posted(request, "id_column"))
    if address := posted(request, "address"):
        return jobs.score_stored(found, address, wish, actor=actor)
    sent = request.FILES.get("files")
    jobs.require_starter(found, actor)
    if not isinstance(sent, UploadedFile):
        raise Invalid("Choose a file.", field="files")
    return jobs.score_upload(found, sent.name or "file", sent.chunks(), wish, actor=actor)


def _page(request: HttpRequest, found: Endpoint, actor: Actor, form: Form) -> HttpResponse:
    rows, permission = jobs.jobs_of(found), found.environment.permission
    page = listed(request, rows, "pk")
    context = {
        "endpoint": found,
        "form": form,
        "rows": page.rows,
        "newer": page.newer,
        "older": page.older,
        "shown": counted(rows, "file"),
        "serving": endpoints.serving(found),
        "able": target(found.target).capabilities().batch,
        "needed": None if actor.holds(permission) else needed(permission),
        "schedules": [_scheduled(row) for row in schedules.schedules_of(found)],
        "kinds": [{"value": value, "label": label} for value, label in BatchJob.Kind.choices],
        "most_bytes": settings.MAX_UPLOAD_BYTES,
    }
    return render(request, "batch/list.html", context, status=400 if form.errors else 200)


def _scheduled(row: BatchSchedule) -> dict[str, object]:
    return {"row": row, "next": Cron.parse(row.cron).after(clock.now())}


@require_POST
def schedule(request: HttpRequest, name: str) -> HttpResponse:
    """Have a stored file scored again and again."""
    actor = actor_of(request)
    found, form = endpoints.find_endpoint(name, actor=actor), _form(request)
    wish = Wish(posted(request, "result") or BatchJob.Kind.PARQUET, posted(request, "id_column"))
    try:
        schedules.make(found, posted(request, "address"), posted(request, "cron"), wish, actor=actor)
    except Refusal as why:
        if why.kind not in SAID:
            raise
        form.blame(why)
        return _page(request, found, actor, form)
    messages.success(request, "From now on the file is scored at each of those moments.")
    return HttpResponseRedirect(f"/endpoints/{found.name}/batch")


@require_POST
def end_schedule(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Let a schedule start nothing any more."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    schedules.end(schedules.find_schedule(found, number), actor=actor)
    messages.success(request, "Ended: it starts nothing any more.")
    return HttpResponseRedirect(f"/endpoints/{found.name}/batch")


@never_cache
@require_GET
def job(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show one file; a part of the page follows it while it is scored."""
    actor = actor_of(request)
    context = _told(jobs.find_job(endpoints.find_endpoint(name, actor=actor), number), actor)
    return render(request, "batch/detail.html", {**context, "live_source": f"/endpoints/{name}/batch/{number}/live"})


@require_GET
def live(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Answer with the part of a file's page that changes, or 304 where it did not."""
    actor = actor_of(request)
    context = _told(jobs.find_job(endpoints.find_endpoint(name, actor=actor), number), actor)
    return unchanged(request, render(request, "batch/live.html", context))


@require_GET
def actions(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Answer with the buttons as they are now."""
    actor = actor_of(request)
    context = _told(jobs.find_job(endpoints.find_endpoint(name, actor=actor), number), actor)
    return render(request, "batch/actions.html", context)


def _told(found: BatchJob, actor: Actor) -> dict[str, object]:
    is_live = found.state in BATCH_LIVE
    may_cancel = is_live and actor.holds(found.endpoint.environment.permission)
    told = history.events_visible_to(actor).filter(object_kind="batch_job", object_id=str(found.pk))
    return {
        "job": found,
        "endpoint": found.endpoint,
        "is_live": is_live,
        "may_cancel": may_cancel,
        "doable": ["cancel"] if may_cancel else ["files"] if found.state == BatchState.DONE else [],
        "percent": round(100 * found.share),
        "phase": PHASES.get(found.phase, ""),
        "took_s": (found.ended_at - found.started_at).total_seconds() if found.ended_at and found.started_at else None,
        "told": _of_its_rows(found.told) if found.told else None,
        "rejected": _first_rejected(found) if found.rejected_id else [],
        "events": history.page_of(told).events,
    }


def _of_its_rows(told: dict[str, Any]) -> dict[str, object]:
    """Return what a sample of the file says, for people."""
    drifted = [one for one in told["features"] if one["severity"] != Severity.NONE]
    drawn = "All rows" if told["rows"] == told["of"] else f"A sample of {told['rows']:,} rows"
    far = (
        f"{len(drifted)} of {len(told['features'])} features are away from the version's reference by more than chance."
    )
    apart = far if told["features"] else "No feature has a reference yet to compare it with."
    features = [{**one, "look": LOOKS[Severity(one["severity"])] if one in drifted else ""} for one in told["features"]]
    return {
        "sentence": f"{drawn} {'say' if drawn == 'All rows' else 'says'}: {apart} {_spread(told['predictions'])}",
        "features": features,
    }


def _spread(said: dict[str, Any]) -> str:
    """Return the predictions of a file, in a sentence."""
    if found := said.get("quantiles"):
        low, half, high = (f"{found[name]:.4g}" for name in ("5", "50", "95"))
        return f"Predictions: 5 % at most {low}, half at most {half}, 95 % at most {high}."
    words = [f"{word} {100 * count / said['rows']:.1f} %" for word, count in said.get("words", [])]
    return f"Predictions: {', '.join(words)}." if words else ""


def _first_rejected(found: BatchJob) -> list[list[str]]:
    """Return the first rejected rows, as row and reason; nothing where the store does not give them now."""
    try:
        text = b"".join(blobs.read_blob(str(found.rejected_id), 0, PREVIEW_BYTES)).decode("utf-8", "replace")
    except (Refusal, FileNotFoundError):
        return []
    whole = text[: text.rfind("\n") + 1]
    return list(islice(csv.reader(io.StringIO(whole)), 1, 1 + SHOWN))


@require_POST
def cancel(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """End the scoring of a file."""
    actor = actor_of(request)
    found = jobs.find_job(endpoints.find_endpoint(name, actor=actor), number)
    jobs.cancel(found, actor=actor, reason=posted(request, "reason"))
    messages.success(request, "Cancelled: nothing of it is kept.")
    return HttpResponseRedirect(f"/endpoints/{name}/batch/{number}")


@require_GET
def file(request: HttpRequest, name: str, number: int, which: str) -> HttpResponseBase:
    """Answer with the result, the rejected rows, the manifest or the input."""
    found = jobs.find_job(endpoints.find_endpoint(name, actor=actor_of(request)), number)
    return files.send(request, jobs.file_of(found, which), jobs.file_name(found, which))
