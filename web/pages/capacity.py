"""The capacity of an endpoint: how many model servers it may have and has, and why that changed."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from core.refusals import Invalid
from deployments import endpoints
from deployments.capacity import BOUNDS, capacity_of, set_capacity
from deployments.targets.kinds import target
from registry import history
from web.actors import actor_of
from web.pages.forms import Form, posted, whole_number
from web.pages.needed import needed

TOLD = ("endpoint.scaled", "endpoint.capacity.changed")


@require_http_methods(["GET", "POST"])
def capacity(request: HttpRequest, name: str) -> HttpResponse:
    """Show an endpoint's capacity and its changes, and take another."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    form = Form(**{key: str(value) for key, value in asdict(capacity_of(found)).items()})
    if request.method == "POST":
        form = Form(**{key: posted(request, key) for key in BOUNDS})
        try:
            said = {key: whole_number(str(form[key].value), key, *bounds) for key, bounds in BOUNDS.items()}
            set_capacity(found, said, actor=actor)
        except Invalid as why:
            form.blame(why)
        else:
            return HttpResponseRedirect(f"/endpoints/{found.name}/capacity")
    told = history.events_visible_to(actor).filter(object_kind="endpoint", object_id=found.name, action__in=TOLD)
    context = {
        "endpoint": found,
        "form": form,
        "needed": None if actor.holds(found.environment.permission) else needed(found.environment.permission),
        "most": target(found.target).capabilities().replicas,
        "events": history.page_of(told).events,
    }
    return render(request, "endpoints/capacity.html", context, status=400 if form.errors else 200)
