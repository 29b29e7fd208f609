"""The page to register a version by uploading its files."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.permissions import Permission
from accounts.policy import require
from core.refusals import Refusal
from registry import access
from registry.handed_in import Given, register_files
from web.actors import actor_of
from web.errors import wants_json
from web.pages import labels
from web.pages.forms import Form, posted

AT_THE_FORM = frozenset({"invalid", "already_exists", "conflict", "too_large", "store_down", "store_full"})


@require_http_methods(["GET", "POST"])
def new_version(request: HttpRequest) -> HttpResponse:
    """Register a version from a zip or files, making the model where there is none of that name."""
    actor = actor_of(request)
    require(actor, Permission.TRACKING_WRITE, "hand in a model's files")
    name = posted(request, "name") or request.GET.get("model", "")
    form = Form(name=name, files="", description=posted(request, "description"))
    if request.method == "POST":
        files = [Given(str(one.name), one.file) for one in request.FILES.getlist("files") if one.file]
        try:
            made = register_files(name, files, description=str(form["description"].value), actor=actor)
        except Refusal as why:
            if why.kind not in AT_THE_FORM:
                raise
            form.blame(why)
        else:
            messages.success(request, f"{made} is registered, and its files are frozen.")
            place = labels.version_path(made.model.name, made.version)
            return JsonResponse({"href": place}) if wants_json(request) else HttpResponseRedirect(place)
    if wants_json(request) and form.errors:
        return JsonResponse({"errors": form.errors}, status=400)
    names = access.visible_models(actor).order_by("-updated_at").values_list("name", flat=True)[:50]
    context = {"form": form, "names": list(names)}
    return render(request, "models/new_version.html", context, status=400 if form.errors else 200)
