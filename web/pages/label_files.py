"""Upload of labels as a file, and what became of its rows."""

import csv
import io
from typing import IO, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.permissions import Permission
from core.refusals import Invalid
from deployments import endpoints
from monitoring import label_files
from web.actors import actor_of
from web.errors import wants_json
from web.pages.cells import inert
from web.pages.forms import Form
from web.pages.needed import needed
from web.pages.uploads import at_most

SHOWN = 100  # refused rows; all are in the CSV


@at_most(label_files.MOST_BYTES)
@never_cache
@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest, name: str) -> HttpResponse:
    """Show which files of labels came, or take one."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    form = Form(files="")
    if request.method == "POST":
        try:
            report = label_files.take(found.name, _file(request), actor=actor)
        except Invalid as why:
            form.blame(why)
        else:
            place = f"/endpoints/{found.name}/labels/{report.pk}"
            return JsonResponse({"href": place}) if wants_json(request) else HttpResponseRedirect(place)
    if wants_json(request) and form.errors:
        return JsonResponse({"errors": form.errors}, status=400)
    context = {
        "endpoint": found,
        "form": form,
        "files": label_files.newest(found.name),
        "needed": None if actor.holds(Permission.LABEL_GIVE) else needed(Permission.LABEL_GIVE),
        "most_bytes": label_files.MOST_BYTES,
    }
    return render(request, "endpoints/labels.html", context, status=400 if form.errors else 200)


@never_cache
@require_GET
def report(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show what became of one file, or answer with its refused rows as CSV."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    file = label_files.find(found.name, number)
    if request.GET.get("form") == "csv":
        return _csv(file.refusals, f"{found.name}-labels-{number}-refused.csv")
    context = {"endpoint": found, "file": file, "shown": file.refusals[:SHOWN], "kept": len(file.refusals)}
    return render(request, "endpoints/label_file.html", context)


def _file(request: HttpRequest) -> IO[bytes] | None:
    """Return the file of the form."""
    return cast("IO[bytes] | None", request.FILES.get("files"))


def _csv(rows: list[list[object]], name: str) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["line", "request_id", "why"])
    writer.writerows([line, inert(str(request_id)), why] for line, request_id, why in rows)
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
