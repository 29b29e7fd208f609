"""Pages of endpoints: stable addresses, what they serve, their tokens; and asking for a change."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.policy import denied
from core.refusals import Invalid, Refusal
from deployments import endpoints, freezing, rights, rollouts
from deployments.alerts import looking
from deployments.models import Endpoint, EndpointToken, InstalledRight, Rollout
from deployments.plan import Strategy
from deployments.plans import Plan
from deployments.states import ENDED, RolloutState
from deployments.targets.kinds import offered
from monitoring import letters
from registry import access
from registry.models import ModelVersion, RegisteredModel
from web.actors import actor_of
from web.pages import canaries, labels, plan_form, replicas
from web.pages.forms import Form, posted, whole_number
from web.pages.needed import needed
from web.pages.plan_picture import planned


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """List the endpoints of models the person may see."""
    actor = actor_of(request)
    context = {
        "rows": _rows(list(endpoints.endpoints_visible_to(actor))),
        "may_create": bool(endpoints.environments_open_to(actor)),
    }
    return render(request, "endpoints/list.html", context)


def _rows(found: list[Endpoint]) -> list[dict[str, object]]:
    now = endpoints.serving_of(found)
    under_way = Rollout.objects.filter(endpoint__in=found).exclude(state__in=ENDED).order_by("pk")
    live = {rollout.endpoint_id: rollout for rollout in under_way.select_related("version")}
    since = {key: endpoints.serving_since(serves) for key, serves in now.items()}
    with_all = rollouts.with_all_requests(live.values())
    return [
        {
            "endpoint": one,
            "serving": now.get(one.pk),
            "since": since.get(one.pk),
            "live": (its := live.get(one.pk)),
            "takes_all": its if its and its.pk in with_all else None,
        }
        for one in found
    ]


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Create an endpoint."""
    actor = actor_of(request)
    if not (places := endpoints.environments_open_to(actor)):
        raise denied(actor, Permission.DEPLOY_STAGING, "create endpoints")
    form = Form(
        name=posted(request, "name"),
        model=posted(request, "model") or request.GET.get("model", ""),
        environment=posted(request, "environment") or "staging",
        pattern=posted(request, "pattern") or Endpoint.Pattern.REST,
        target=posted(request, "target") or "local",
    )
    if request.method == "POST":
        try:
            model = access.find_model(str(form["model"].value), actor=actor)
            made = endpoints.create_endpoint(
                str(form["name"].value),
                model=model,
                environment=str(form["environment"].value),
                pattern=str(form["pattern"].value),
                target=str(form["target"].value),
                actor=actor,
            )
        except Refusal as why:
            if why.kind not in {"invalid", "already_exists"}:
                raise
            form.blame(why)
        else:
            return HttpResponseRedirect(f"/endpoints/{made.name}")
    models = RegisteredModel.objects.visible_to(actor).order_by("name").values_list("name", flat=True)[:500]
    context = {
        "form": form,
        "models": [{"value": name, "label": name} for name in models],
        "environments": [{"value": e.name, "label": e.name} for e in places],
        "patterns": [{"value": value, "label": label} for value, label in Endpoint.Pattern.choices],
        "targets": [{"value": kind, "label": labels.TARGETS[kind]} for kind in offered()],
    }
    return render(request, "endpoints/new.html", context, status=400 if form.errors else 200)


@never_cache
@require_GET
def endpoint(request: HttpRequest, name: str) -> HttpResponse:
    """Show an endpoint: what it serves, what could be done, its history."""
    actor = actor_of(request)
    return _page(request, endpoints.find_endpoint(name, actor=actor), actor)


def _page(
    request: HttpRequest,
    found: Endpoint,
    actor: Actor,
    *,
    form: Form | None = None,
    token: str = "",
    plan: Plan | None = None,
) -> HttpResponse:
    now, before = endpoints.serving(found), rollouts.previous(found)
    live = found.rollouts.exclude(state__in=ENDED).select_related("version__model").order_by("-pk").first()
    takes_all = live if live and live.kind != Rollout.Kind.WITHDRAW and rollouts.has_all_requests(live) else None
    may_deploy = actor.holds(found.environment.permission)
    signs = rollouts.needs_signature(found, Plan(Strategy.ALL_AT_ONCE))  # what policies of any share are for
    may_ask = signs and actor.holds(Permission.REQUEST_OPEN)
    pair = (takes_all, now) if takes_all else (now, before)
    context = {
        "endpoint": found,
        "serving": now,
        "serving_since": endpoints.serving_since(now) if now else None,
        **_under_way(live),
        "takes_all": takes_all,
        "previous": before,
        "frozen": freezing.over_endpoint(found),
        "live": live,
        "floods": letters.floods(found.name),
        "firing": (firing := looking.firing(found)),
        "firing_words": f"Alert {firing[0].rule}: {firing[0].words}" if firing else "",
        "history": [_past(row) for row in _history(found)],
        "versions": (deployable := _deployable(found)),
        "any_pickle": any(one["runs_code"] for one in deployable),
        "strategies": [
            one for one in plan_form.STRATEGIES if found.takes_requests or one["value"] == Strategy.ALL_AT_ONCE
        ],
        "holds": plan_form.HOLDS,
        "fails": plan_form.FAILS,
        "may_deploy": may_deploy,
        "signed": rollouts.signed_for(found) if may_deploy and signs else [],
        "signs": signs,
        "may_ask": may_ask,
        "needed": None if may_deploy else needed(found.environment.permission),
        "rights": [_right(right, *pair) for right in rights.newest_by_version(found)],
        "tokens": found.tokens.order_by("-pk")[:50] if may_deploy else [],
        "new_token": token,
        "max_days": settings.TOKEN_TTL_DAYS,
        "uses": [{"value": value, "label": label} for value, label in EndpointToken.Use.choices],
        "preview_action": f"/endpoints/{found.name}/plan",
        "picture": planned(plan) if plan else None,
        "form": form or Form(version="", reason="", label="", days="30", **plan_form.EMPTY),
        "address": f"/endpoints/{found.name}/invocations",
    }
    return render(request, "endpoints/detail.html", context, status=400 if form and form.errors else 200)


def _history(found: Endpoint) -> Iterable[Rollout]:
    return found.rollouts.select_related("version", "created_by", "request").order_by("-pk")[:50]


def _past(row: Rollout) -> dict[str, object]:
    """A deployment as its row shows it."""
    how = Plan.of(row.plan).short if row.kind == Rollout.Kind.DEPLOY else row.get_kind_display()
    return {"rollout": row, "how": how}


def _right(right: InstalledRight, now: Rollout | None, before: Rollout | None) -> dict[str, object]:
    """A right as its row shows it."""
    serves, ready = (row is not None and row.version_id == right.version_id for row in (now, before))
    use = "serves" if serves else "stands by" if ready else ""
    row = now if serves else before
    seen = replicas.seen(row) if use and row and row.endpoint.takes_requests else None
    server: dict[str, object] = {}
    if seen:
        server = {
            "server": replicas.state(seen),
            "is_down": replicas.is_down(seen),
            "why": replicas.why(seen),
            "trouble": replicas.trouble(seen),
        }
    return {"right": right, "use": use, "leaves_nothing": rights.leaves_nothing(right), **server}


def _under_way(live: Rollout | None) -> dict[str, object]:
    """Return what a page says of the deployment under way: the share it takes, and how its model server does."""
    if live is None or live.state != RolloutState.RUNNING:
        return {}
    return {
        "may_abort": canaries.may_abort(live),
        "live_share": canaries.asked_pct(list(live.steps.all())),
        "live_server": replicas.words(replicas.seen(live)),
    }


def _deployable(found: Endpoint) -> list[dict[str, object]]:
    rows = ModelVersion.objects.live().filter(model=found.model, manifest__isnull=False).order_by("-version")[:100]
    return [
        {
            "value": v.version,
            "label": f"Version {v.version} ({v.stage}){', a pickle' if v.environment.get('runs_code') else ''}",
            "runs_code": bool(v.environment.get("runs_code")),
        }
        for v in rows
    ]


@require_POST
def start_signed(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Start what request `number` was signed for, as it stands there."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    rollout = rollouts.start_signed(found, number, reason=posted(request, "reason"), actor=actor)
    return HttpResponseRedirect(f"/deployments/{rollout.pk}")


@require_POST
def deploy(request: HttpRequest, name: str) -> HttpResponse:
    """Start a rollout, or ask for the signature over stage, endpoint and plan together."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    form, plan_said = _typed(request)
    try:
        number = whole_number(str(form["version"].value), "version", 1, 2_000_000_000)
        version = access.find_version(found.model.name, number, actor=actor)
        plan = plan_form.plan_of(plan_said)
        if request.POST.get("ask"):
            return _ask(request, version, found, plan, actor)
        accepts_code, reason = request.POST.get("accepts_code") == "yes", str(form["reason"].value)
        rollout = rollouts.start(version, found, plan, reason=reason, accepts_code=accepts_code, actor=actor)
    except Refusal as why:
        if why.kind not in {"invalid", "conflict"}:
            raise
        form.blame(why)
        return _page(request, found, actor, form=form)
    return HttpResponseRedirect(f"/deployments/{rollout.pk}")


def _typed(request: HttpRequest) -> tuple[Form, dict[str, str]]:
    """Return the form as it was sent, and its fields of the plan."""
    said = {name: posted(request, name) if name in request.POST else usual for name, usual in plan_form.EMPTY.items()}
    sent = {name: posted(request, name) for name in ("version", "reason", "accepts_code")}
    return Form(label="", days="30", **sent, **said), said


@require_POST
def preview(request: HttpRequest, name: str) -> HttpResponse:
    """Show what the plan in the form would do, and do nothing: the picture alone to a page that asks for its part."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    form, said = _typed(request)
    plan = None
    try:
        plan = plan_form.plan_of(said)
    except Invalid as why:
        form.blame(why)
    if request.headers.get("HX-Request"):
        errors = {name: (form[name].errors or [""])[0] for name in plan_form.EMPTY}
        shown = {"picture": planned(plan) if plan else None, "form": form, "said": errors}
        return render(request, "endpoints/previewed.html", shown)
    return _page(request, found, actor, form=form, plan=plan)


def _ask(request: HttpRequest, version: ModelVersion, found: Endpoint, plan: Plan, actor: Actor) -> HttpResponse:
    waiting = rollouts.request_deployment(version, found, plan, reason=posted(request, "reason"), actor=actor)
    along = "the stage, " if found.environment.needs_approval else ""
    messages.success(request, f"One signature covers {along}the endpoint and the plan. A reviewer decides.")
    return HttpResponseRedirect(f"/approvals/{waiting.request.pk}")


@require_POST
def roll_back(request: HttpRequest, name: str) -> HttpResponse:
    """Return to what was served before."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    seen = whole_number(posted(request, "version"), "version", 1, 2**31)
    rollout = rollouts.roll_back(found, version=seen, reason=posted(request, "reason"), actor=actor)
    return HttpResponseRedirect(f"/deployments/{rollout.pk}")


@require_POST
def withdraw(request: HttpRequest, name: str) -> HttpResponse:
    """Take the right to serve a version away; where nothing is left to serve, the endpoint's name is typed first."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    right = rights.find_right(found, whole_number(posted(request, "version"), "version", 1, 2_000_000_000))
    if rights.leaves_nothing(right) and posted(request, "confirm") != found.name:
        raise Invalid(f"{found} would refuse all requests. Type its name to say that you mean it.", field="confirm")
    taken = rights.withdraw(right, reason=posted(request, "reason"), actor=actor)
    if taken:
        return HttpResponseRedirect(f"/deployments/{taken.pk}")
    messages.success(request, f"Withdrawn: {right.version} is not served here again without a new signature.")
    return HttpResponseRedirect(f"/endpoints/{name}")


@never_cache
@require_POST
def make_token(request: HttpRequest, name: str) -> HttpResponse:
    """Make a token that may call the endpoint; it is shown this once."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    form = Form(version="", reason="", label=posted(request, "label"), days=posted(request, "days"), **plan_form.EMPTY)
    try:
        days = whole_number(str(form["days"].value), "days", 1, settings.TOKEN_TTL_DAYS)
        _, text = endpoints.mint_endpoint_token(
            found,
            label=str(form["label"].value),
            days=days,
            use=posted(request, "use") or EndpointToken.Use.PREDICT,
            actor=actor,
        )
    except Invalid as why:
        form.blame(why)
        return _page(request, found, actor, form=form)
    return _page(request, found, actor, token=text)


@require_POST
def revoke_token(request: HttpRequest, name: str, token_id: int) -> HttpResponse:
    """End a token."""
    actor = actor_of(request)
    endpoints.revoke_endpoint_token(endpoints.find_endpoint(name, actor=actor), token_id, actor=actor)
    messages.success(request, "Revoked: the model servers refuse it within a second.")
    return HttpResponseRedirect(f"/endpoints/{name}")
