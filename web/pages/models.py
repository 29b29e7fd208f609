"""Pages of registered models: list, create, one model, its history."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from accounts.policy import require
from core import clock
from core.refusals import Invalid, NotFound, Refusal
from deployments import endpoints
from deployments import history as deployed
from registry import access, doubts, history, registered
from registry.listing import ModelFilter
from registry.models import Alias, ApprovalRequest, MetricThreshold, ModelVersion, RegisteredModel
from registry.models.registered import RiskTier
from registry.stages import ACTIVE, Stage
from web.actors import actor_of
from web.pages import labels, standing
from web.pages.forms import Form, posted
from web.pages.gantt import layout
from web.pages.paging import address, counted, listed
from web.pages.snippets import base_url, load_snippet, register_snippets

RISKS = [{"value": value, "label": label} for value, label in RiskTier.choices]
FILTERS = {"q": "search", "owner": "owner", "stage": "stage", "risk": "risk tier"}


@require_GET
def models(request: HttpRequest) -> HttpResponse:
    """List the models the person may see, last changed first."""
    actor = actor_of(request)
    visible = RegisteredModel.objects.visible_to(actor)
    chosen = {name: request.GET.get(name, "").replace("\0", "").strip() for name in FILTERS}
    rows, q_error = _narrowed(visible, chosen)
    page = listed(request, _with_standing(rows), "pk")
    any_model = bool(page.rows) or visible.exists()
    context = {
        **chosen,
        "rows": [_row(model) for model in page.rows],
        "owners": _choices("Anyone", _owners(visible)),
        "stages": _choices("Any", [str(stage) for stage in Stage]),
        "risks": _choices("Any", RiskTier.values),
        "chips": [
            {"label": f"{word}: {chosen[name]}", "remove_href": address(request, **{name: None})}
            for name, word in FILTERS.items()
            if chosen[name]
        ],
        "clear_href": "/models",
        "newer": page.newer,
        "older": page.older,
        "shown": counted(rows, "model"),
        "any": any_model,
        "empty_snippet": "\n".join(part["code"] for part in register_snippets(base_url(request))),
        "may_create": actor.holds(Permission.MODEL_CREATE),
    }
    return render(request, "models/list.html", {**context, "q_error": q_error}, status=400 if q_error else 200)


def _owners(visible: QuerySet[RegisteredModel]) -> QuerySet[User, str]:
    """Return the names of those who own one: found person by person, not by reading all models."""
    owning = User.objects.filter(Exists(visible.filter(owner=OuterRef("pk"))))
    return owning.order_by("username").values_list("username", flat=True)[:200]


def _narrowed(rows: QuerySet[RegisteredModel], chosen: dict[str, str]) -> tuple[QuerySet[RegisteredModel], str]:
    """Return the rows that fit, or none and why the search could not be read."""
    try:
        return ModelFilter(**chosen).apply(rows), ""
    except Invalid as why:
        return rows.none(), why.sentence


def _choices(all_word: str, values: Any) -> list[dict[str, str]]:
    return [{"value": "", "label": all_word}, *({"value": value, "label": value} for value in values)]


def _with_standing(rows: QuerySet[RegisteredModel]) -> QuerySet[RegisteredModel]:
    """Add what the list shows, in a fixed number of queries however long it is."""
    latest = ModelVersion.objects.live().filter(model=OuterRef("pk")).order_by("-version").values("version")[:1]
    champion = Alias.objects.filter(model=OuterRef("pk"), name="champion").values("version__version")[:1]
    waiting = Count("requests", filter=Q(requests__state="open"))
    active = ModelVersion.objects.live().filter(stage__in=ACTIVE).order_by("-version").only("version", "stage", "model")
    return (
        rows.select_related("owner")
        .annotate(latest=Subquery(latest), champion=Subquery(champion), waiting=waiting)
        .prefetch_related(Prefetch("versions", active, to_attr="active"))
    )


def _row(model: Any) -> dict[str, object]:
    at = {stage: [v.version for v in model.active if v.stage == stage] for stage in ACTIVE}
    return {
        "name": model.name,
        "champion": model.champion,
        "production": at[Stage.PRODUCTION],
        "staging": at[Stage.STAGING],
        "latest": model.latest,
        "owner": model.owner.username,
        "risk_tier": model.risk_tier,
        "restricted": model.restricted,
        "updated_at": model.updated_at,
        "waiting": model.waiting,
    }


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Create a model that the person owns."""
    actor = actor_of(request)
    require(actor, Permission.MODEL_CREATE, "create registered models")
    form = Form(name=posted(request, "name"), description=posted(request, "description"))
    if request.method == "POST":
        try:
            model = registered.create_model(
                str(form["name"].value), description=str(form["description"].value), actor=actor
            )
        except Refusal as why:
            if why.kind not in {"invalid", "already_exists"}:
                raise
            form["name"].errors.append(why.sentence)
        else:
            messages.success(request, "The model is there. Register its first version with the client.")
            return HttpResponseRedirect(labels.model_path(model.name))
    return render(request, "models/new.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def model(request: HttpRequest, name: str) -> HttpResponse:
    """Show a model; a POST changes its description, risk tier or how strict it is about sources."""
    actor = actor_of(request)
    try:
        found = access.find_model(name, actor=actor)
    except NotFound:
        return _gone(request, name, actor)
    if request.method == "POST":
        registered.update_model(found, actor=actor, **_edited(request))
        messages.success(request, "Saved.")
        return HttpResponseRedirect(labels.model_path(name))
    page = listed(request, _versions(found), "version")
    live = ModelVersion.objects.live().filter(model=found, stage=Stage.PRODUCTION).order_by("-version").first()
    if live:
        live.model = found
    champion = found.aliases.filter(name="champion").exists()
    context = {
        "model": found,
        "live": standing.entries([live])[live.pk] if live else None,
        "served": _served(found),
        "versions": [_version_row(version, found) for version in page.rows],
        "newer": page.newer,
        "older": page.older,
        "tabs": tabs(found, "versions"),
        "tags": found.tags.all(),
        "thresholds": found.thresholds.all(),
        "threshold_form": _threshold_form(found) if actor.holds(Permission.THRESHOLD_SET) else None,
        "edit": _edit_form(found) if access.may(actor, Permission.MODEL_WRITE, found) else None,
        "snippet": load_snippet(name, "@champion") if champion else "",
        "register_snippet": "\n".join(part["code"] for part in register_snippets(base_url(request), name)),
    }
    return render(request, "models/detail.html", context)


def _edited(request: HttpRequest) -> dict[str, object]:
    """Return what the edit form says; whoever only sets limits sends the tier alone."""
    fields: dict[str, object] = {"risk_tier": posted(request, "risk_tier")}
    if "description" not in request.POST:
        return fields
    strict = posted(request, "strict_sources") == "yes"
    return {**fields, "description": posted(request, "description"), "strict_sources": strict}


def _gone(request: HttpRequest, name: str, actor: Actor) -> HttpResponse:
    """Send on to a renamed model, show what is left of a deleted one, or say that there is none."""
    if now := history.renamed(name, actor=actor):
        messages.info(request, f"{name} is called {now.name} now.")
        return HttpResponseRedirect(labels.model_path(now.name))
    left = history.deleted(name, actor=actor)
    if left is None:
        raise NotFound(f"Registered Model with name={name} not found")
    told = history.page_of(history.events_visible_to(actor).filter(model_uuid=left.uuid))
    return render(request, "models/deleted.html", {"model": left, "events": told.events}, status=410)


def tabs(model: RegisteredModel, current: str) -> list[dict[str, object]]:
    """Return the tabs of a model's pages."""
    path = labels.model_path(model.name)
    return [
        {"label": "Versions", "href": path, "current": current == "versions"},
        {"label": "History", "href": f"{path}/history", "current": current == "history"},
        {"label": "Permissions", "href": f"{path}/permissions", "current": current == "permissions"},
    ]


def _versions(model: RegisteredModel) -> QuerySet[ModelVersion]:
    waiting = ApprovalRequest.objects.filter(version=OuterRef("pk"), state="open").order_by("-pk").values("pk")[:1]
    rows = ModelVersion.objects.live().filter(model=model).select_related("registered_by").prefetch_related("aliases")
    return rows.annotate(waiting=Subquery(waiting)).defer("evidence")


def _served(model: RegisteredModel) -> list[dict[str, object]]:
    """Return what each endpoint of the model serves; a stage says what may be served, not what is."""
    found = list(model.endpoints.order_by("name")[:5])
    now = endpoints.serving_of(found)
    return [{"endpoint": one.name, "version": now[one.pk].version.version if one.pk in now else None} for one in found]


def _version_row(version: Any, model: RegisteredModel) -> dict[str, object]:
    return {
        "version": version.version, "semver": version.semver, "stage": version.stage,
        "registered_by": version.registered_by.username,
        "aliases": labels.aliases((alias.name for alias in version.aliases.all()), model),
        "created_at": version.created_at,
        "verified": version.verified, "status": version.status, "description": version.description,
        "waiting_href": f"/approvals/{version.waiting}" if version.waiting else "",
    }  # fmt: skip


def _edit_form(model: RegisteredModel) -> dict[str, object]:
    return {
        "action": labels.model_path(model.name),
        "description": model.description,
        "risk_tier": model.risk_tier,
        "risks": RISKS,
        "strict": model.strict_sources,
        "errors": {},
    }


def _threshold_form(model: RegisteredModel) -> dict[str, object]:
    comparisons = [{"value": value, "label": label} for value, label in MetricThreshold.Comparison.choices]
    path = labels.model_path(model.name)
    return {"action": f"{path}/thresholds", "comparisons": comparisons, "tier_action": path, "risks": RISKS}


@require_POST
def set_threshold(request: HttpRequest, name: str) -> HttpResponse:
    """Set a limit that versions must keep before Production."""
    actor = actor_of(request)
    found = access.find_model(name, actor=actor)
    try:
        value = float(posted(request, "value"))
    except ValueError as why:
        raise Invalid("The threshold must be a number, such as 0.9.", field="value") from why
    registered.set_threshold(
        found, metric=posted(request, "metric"), comparison=posted(request, "comparison"), value=value,
        required=bool(request.POST.get("required")), actor=actor,
    )  # fmt: skip
    messages.success(request, "The limit is set. Requests opened before it must be asked for again.")
    return HttpResponseRedirect(labels.model_path(name))


@require_POST
def delete_threshold(request: HttpRequest, name: str, threshold_id: int) -> HttpResponse:
    """Drop a limit."""
    actor = actor_of(request)
    registered.delete_threshold(access.find_model(name, actor=actor), threshold_id, actor=actor)
    return HttpResponseRedirect(labels.model_path(name))


@require_GET
def model_history(request: HttpRequest, name: str) -> HttpResponse:
    """Show what was live when, and what held at one instant; of a model that was deleted since as well."""
    actor = actor_of(request)
    text = request.GET.get("at", "").strip()
    at, error = _moment(text)
    found = history.model_at(name, at, actor=actor)
    spans, served = history.spans(found), deployed.servings(found)
    told = history.page_of(history.events_visible_to(actor).filter(model_uuid=found.uuid))
    context = {
        "model": found,
        "at": at,
        "at_text": text,
        "at_error": error,
        "live": history.live_at(found, at),
        "doubts": doubts.of_model(found),
        "served": deployed.served_at(found, at),
        "spans": spans[::-1],
        "servings": served[::-1],
        "gantt": layout([*spans, *(one.lane for one in served)], now=found.deleted_at or clock.now())
        if spans or served
        else None,
        "tabs": tabs(found, "history") if found.deleted_at is None else [],
        "events": told.events,
    }
    return render(request, "models/history.html", context, status=400 if error else 200)


def _moment(text: str) -> tuple[datetime | None, str]:
    """Read a moment in UTC; return it and, where it cannot be read, why."""
    if not text:
        return None, ""
    try:
        return clock.told(text.removesuffix(" UTC")), ""
    except ValueError:
        return None, "Write it as 2026-11-24T15:00, in UTC."
