"""Pages of deployments: the list, and one with its steps, its log and what can be done."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.actors import Actor
from core.refusals import Invalid
from deployments import endpoints, freezing, holders, interventions, reach, rollouts, steering
from deployments.models import WAY_BACK, Rollout, RolloutStep
from deployments.plan import ALL
from deployments.plans import Plan
from deployments.states import ENDED, RolloutState, StepStatus
from deployments.watching import share_of
from monitoring.copies import OK, Disagreement, differing, disagreements, standing
from monitoring.models import Copy
from monitoring.stats.summary import lasting
from registry import access, history
from serving.contract import SHARES
from web.actors import actor_of
from web.pages import canaries, kpis
from web.pages.forms import posted, seen_number
from web.pages.needed import needed
from web.pages.paging import counted, listed
from web.pages.parts import unchanged
from web.pages.plan_picture import under_way
from web.pages.snippets import base_url

ENDED_STEPS = {StepStatus.DONE, StepStatus.FAILED}
ANSWER_MAX = 300
AT_SHARE = {"watch": "Watch at {} %", "gate": "Gate at {} %"}
STEP_WORDS = {
    "install": "Install beside",
    "route": "Send traffic over",
    "bake": "Bake",
    "mirror": "Copy requests",
    "compare": "Compare answers",
    "retire": "Stop the old",
    "revert": "Send traffic back",
}


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """List deployments, newest first."""
    actor = actor_of(request)
    rows = Rollout.objects.filter(endpoint__model__in=access.visible_models(actor))
    rows = rows.select_related("endpoint__environment", "version__model", "created_by")
    page = listed(request, rows, "pk")
    context = {"rows": page.rows, "newer": page.newer, "older": page.older, "shown": counted(rows, "deployment")}
    return render(request, "deployments/list.html", context)


@never_cache
@require_GET
def deployment(request: HttpRequest, number: int) -> HttpResponse:
    """Show a deployment; a part of the page follows it while it is looked at."""
    actor = actor_of(request)
    found = rollouts.find_rollout(number, actor=actor)
    permission = found.endpoint.environment.permission
    is_for_others = not actor.holds(permission) and any(_possible(found).values())
    context = {
        **_told(found, actor),
        "live_source": f"/deployments/{number}/live",
        "kpis": kpis.told(found, base_url(request)),
        "needed": needed(permission) if is_for_others else None,
    }
    return render(request, "deployments/detail.html", context)


@require_GET
def live(request: HttpRequest, number: int) -> HttpResponseBase:
    """Answer with the part of a deployment's page that changes, or 304 where it did not."""
    actor = actor_of(request)
    answer = render(request, "deployments/live.html", _told(rollouts.find_rollout(number, actor=actor), actor))
    return unchanged(request, answer)


@require_GET
def part(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """Answer with the buttons, the dialogs or the operator's choices as they are now."""
    actor = actor_of(request)
    return render(request, f"deployments/{name}.html", _told(rollouts.find_rollout(number, actor=actor), actor))


def _told(found: Rollout, actor: Actor) -> dict[str, object]:
    steps = list(found.steps.all())
    told = history.events_visible_to(actor).filter(object_kind="rollout", object_id=str(found.pk))
    doable = _doable(found, actor)
    where = [f"at-{canaries.watched_pct(steps)}", *(f"gate-{pct}" for pct in [canaries.gate_pct(steps)] if pct != "")]
    return {
        **doable,
        "doable": [*(name for name, possible in doable.items() if possible), *where],
        "rollout": found,
        "waits": freezing.waits(found),
        "left_since": holders.left_since(found),
        "reach": reach.kept(found),
        "canary": canaries.told(found, steps),
        "steps": bar(found, steps),
        "picture": under_way(Plan.of(found.plan), steps) if found.kind == Rollout.Kind.DEPLOY else None,
        "rows": [line(step, is_back=goes_back(steps)) for step in steps],
        "is_live": found.state not in ENDED and found.state != RolloutState.NEEDS_OPERATOR,
        "events": history.page_of(told).events,
        "back_s": found.back_s,
        "restored": found.kind == Rollout.Kind.ROLLBACK and found.state == RolloutState.DONE,
        "took_s": (found.ended_at - found.started_at).total_seconds() if found.ended_at and found.started_at else None,
    }


def _doable(found: Rollout, actor: Actor) -> dict[str, object]:
    """Return what the person can do about the deployment as it stands."""
    may = actor.holds(found.endpoint.environment.permission)
    return {**(_possible(found) if may else {}), "paused": found.shown_state == "paused"}


def _possible(found: Rollout) -> dict[str, object]:
    """Return what somebody who may could do about it."""
    now = endpoints.serving(found.endpoint)
    return {
        "back": rollouts.previous(found.endpoint) if now and now.pk == found.pk else None,
        "may_pause": canaries.may_pause(found),
        "may_steer": canaries.may_steer(found),
        "may_abort": canaries.may_abort(found),
        "may_cancel": found.state == RolloutState.QUEUED,
        "may_intervene": found.state == RolloutState.NEEDS_OPERATOR,
    }


def bar(rollout: Rollout, steps: list[RolloutStep]) -> list[dict[str, object]]:
    """Return the steps as they stand, those of a way back last."""
    is_back = goes_back(steps)
    left = [step for step in steps if step.status != StepStatus.DONE and is_back == (step.position == WAY_BACK)]
    now = left[0] if left and rollout.state not in {*ENDED, RolloutState.QUEUED} else None
    return [
        {
            "label": step_words(step),
            "state": _stands(step, is_now=step is now, is_back=is_back),
            "at": step.ended_at or step.started_at,
            "note": "" if step.why == rollout.why else step.why,
        }
        for step in steps
    ]


def goes_back(steps: list[RolloutStep]) -> bool:
    """Whether the rollout was given up: what was under way then is over."""
    return any(step.position == WAY_BACK for step in steps)


def _stands(step: RolloutStep, *, is_now: bool, is_back: bool) -> str:
    if step.status in ENDED_STEPS:
        return step.status
    if is_now:
        return "now"
    return "failed" if is_back and step.status == StepStatus.APPLIED else "later"


def step_words(step: RolloutStep) -> str:
    """Return what the step does, in words."""
    share = share_of(step)
    if step.name == "gate" and not share:
        return "A person chooses"
    if step.name in AT_SHARE:
        return AT_SHARE[step.name].format(share)
    return f"{share} % of traffic" if step.name == "route" and share < ALL else STEP_WORDS.get(step.name, step.name)


def _facts(observed: dict[str, Any]) -> Iterator[str]:
    """Yield what was seen, in words; what a mapping holds is one word each."""
    for name, value in observed.items():
        if name.endswith("_s") and isinstance(value, int | float):
            yield f"{lasting(value)} {name.removesuffix('_s')}"
        elif isinstance(value, dict):
            yield from (f"{key} {100 * share / SHARES:g} %" for key, share in value.items() if name == "shares")
        elif value is not None:
            yield f"{name.replace('_', ' ')} {value}"


def line(step: RolloutStep, *, is_back: bool) -> dict[str, object]:
    """Return a step as its row shows it."""
    took_s = (step.ended_at - step.started_at).total_seconds() if step.ended_at and step.started_at else None
    is_cut = is_back and step.status == StepStatus.APPLIED and step.position != WAY_BACK
    return {
        "name": step_words(step),
        "status": "Sent back" if is_cut else step.get_status_display(),
        "attempts": step.attempts,
        "took_s": took_s,
        "facts": _seen(step),
        "why": "" if step.why == step.observed.get("sentence") else step.why,
    }


def _seen(step: RolloutStep) -> str:
    """Return what was seen at the step; of a gate that is open no longer that it waits."""
    if step.name == "gate" and step.status == StepStatus.DONE:
        return str(step.observed.get("comparison", ""))
    return str(step.observed.get("sentence", "")) or ", ".join(_facts(step.observed))


@require_GET
def copies(request: HttpRequest, number: int) -> HttpResponse:
    """Show the requests that a version which gets copies answered otherwise than the live one, newest first."""
    found = rollouts.find_rollout(number, actor=actor_of(request))
    rules = Plan.of(found.plan).copy_rules
    rows = differing(str(found.uuid), rules.within)
    page = listed(request, rows, "pk")
    context = {
        "rollout": found,
        "words": standing(str(found.uuid), rules.within).words,
        "within": rules.within,
        "rows": [_apart(one) for one in disagreements(page.rows)],
        "newer": page.newer,
        "older": page.older,
        "shown": counted(rows, "request"),
    }
    return render(request, "deployments/copies.html", context)


def _apart(one: Disagreement) -> dict[str, object]:
    """A request that was answered otherwise, as its row shows it."""
    return {
        "request_id": one.copy.request_id,
        "href": f"/endpoints/{one.copy.endpoint}/prediction?{urlencode({'id': one.copy.request_id})}",
        "at": one.copy.at,
        "live": answer_words(one.live.prediction) if one.live else "",
        "copy": copied_words(one.copy),
        "apart": one.copy.apart,
        "live_score": one.live.score if one.live else None,
        "copy_score": one.copy.score,
        "live_ms": one.live.latency_ms if one.live else None,
        "copy_ms": one.copy.latency_ms,
    }


def copied_words(copy: Copy) -> str:
    """Return what a copy was answered as text, or how it failed."""
    return answer_words(copy.prediction) if copy.status == OK else f"failed with {copy.status or 'no answer'}"


def answer_words(said: object) -> str:
    """Return what a model answered as text, no longer than a cell of a table."""
    text = json.dumps(said, ensure_ascii=False)
    return text if len(text) <= ANSWER_MAX else f"{text[:ANSWER_MAX]}…"


@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """End a queued deployment."""
    actor = actor_of(request)
    rollouts.cancel(rollouts.find_rollout(number, actor=actor), actor=actor, reason="cancelled on its page")
    messages.success(request, "Cancelled: nothing was changed.")
    return HttpResponseRedirect(f"/deployments/{number}")


@require_POST
def intervene(request: HttpRequest, number: int) -> HttpResponse:
    """Do what an operator chose for a deployment that asks for one: resume, turn back or give up."""
    actor = actor_of(request)
    found = rollouts.find_rollout(number, actor=actor)
    do = interventions.BY_NAME.get(posted(request, "do"))
    if do is None:
        raise Invalid(f"Choose one of {', '.join(interventions.BY_NAME)}.", field="do")
    do(found, reason=posted(request, "reason"), actor=actor)
    return HttpResponseRedirect(f"/deployments/{number}")


@require_POST
def steer(request: HttpRequest, number: int) -> HttpResponse:
    """Pause, let go on, promote or send back a canary that is under way."""
    actor = actor_of(request)
    found = rollouts.find_rollout(number, actor=actor)
    do = steering.BY_NAME.get(posted(request, "do"))
    if do is None:
        raise Invalid(f"Choose one of {', '.join(steering.BY_NAME)}.", field="do")
    seen = {"share_pct": seen_number(request, "share_pct")} if do in steering.AT_A_SHARE else {}
    do(found, reason=posted(request, "reason"), actor=actor, **seen)
    return HttpResponseRedirect(f"/deployments/{number}")
