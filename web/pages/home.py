"""Home: what waits for this person, what is being rolled out, what is in production, what happened."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.actors import Actor
from accounts.models import AccessRequest, ApiToken
from accounts.permissions import Permission
from audit.models import Mismatch
from audit.replay import mismatches
from core import clock
from deployments import used
from deployments.models import Rollout, RolloutStep
from deployments.states import LIVE, RolloutState
from registry import access, history
from registry.models import ApprovalRequest, BrokenGlass, ModelVersion, PolicyVersion, RegisteredModel
from web.actors import actor_of
from web.pages import labels, standing
from web.pages.deployments import step_words
from web.pages.notices import ENDING
from web.pages.parts import unchanged
from web.pages.snippets import base_url, register_snippets

SHOWN = 20
FAILED_DAYS = 7


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the page; a person without a role is sent to ask for one."""
    actor = actor_of(request)
    if not actor.roles:
        return render(request, "home/no_role.html", {})
    production = history.production_now(actor)
    shown = list(production[:SHOWN])
    held = standing.entries(shown)
    live = list(live_rollouts(actor))
    any_model = bool(shown) or RegisteredModel.objects.visible_to(actor).exists()
    context = {
        "needs_you": needs(actor, live),
        "live": [_live_row(rollout) for rollout in live],
        "production": [_production_row(version, held[version.pk]) for version in shown],
        "production_total": production.count() if len(shown) == SHOWN else len(shown),
        "events": history.page_of(history.events_visible_to(actor), size=10).events,
        "first_run": None if any_model else register_snippets(base_url(request)),
    }
    return render(request, "home/index.html", context)


@require_GET
def rolling_out(request: HttpRequest) -> HttpResponseBase:
    """Answer with the part of home that changes, or 304 where it did not."""
    context = {"live": [_live_row(rollout) for rollout in live_rollouts(actor_of(request))]}
    return unchanged(request, render(request, "home/live.html", context))


def needs(actor: Actor, live: Iterable[Rollout]) -> list[dict[str, object]]:
    """Return what waits for the actor to decide, carry out, mend, renew or grant; of the `live` rollouts too."""
    rows = ApprovalRequest.objects.select_related("model", "version", "requester").order_by("expires_at")
    found = [_to_decide(row) for row in rows.waiting_for(actor).prefetch_related("checks")[:SHOWN]]
    found += [_to_carry_out(row) for row in used.left(rows.usable_by(actor))[:SHOWN]]
    broken = BrokenGlass.objects.waiting_for(actor).select_related("person", "request__version__model")
    found += [_to_review(row) for row in broken.order_by("opened_at")[:SHOWN]]
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        found += [_to_settle(row) for row in mismatches.unsettled().order_by("-pk")[:SHOWN]]
    proposals = PolicyVersion.objects.waiting_for(actor).select_related("policy", "author").order_by("created_at")
    found += [_to_accept(version) for version in proposals[:SHOWN]]
    found += [_to_mend(rollout) for rollout in _broken(actor)[:SHOWN]]
    found += [row for rollout in live if (row := _to_judge(rollout, actor))]
    soon = clock.now() + ENDING
    ending = ApiToken.objects.filter(user=actor.user, revoked_at=None, expires_at__range=(clock.now(), soon))
    ending = ending.filter(created_at__lt=F("expires_at") - ENDING)  # one made for a day is not news
    found += [_to_renew(token) for token in ending.order_by("expires_at")[:SHOWN]]
    if actor.holds(Permission.USER_MANAGE):
        found += [_wish(wish) for wish in AccessRequest.objects.filter(settled_at=None).select_related("user")[:SHOWN]]
    return found


def _rollouts(actor: Actor) -> QuerySet[Rollout]:
    rows = Rollout.objects.filter(endpoint__model__in=access.visible_models(actor))
    return rows.select_related("endpoint__environment", "version__model", "created_by").order_by("-pk")


def live_rollouts(actor: Actor) -> QuerySet[Rollout]:
    """Return the rollouts under way that the actor may see, newest first."""
    return _rollouts(actor).filter(state__in=[*LIVE, RolloutState.QUEUED]).prefetch_related("steps")[:SHOWN]


def _broken(actor: Actor) -> QuerySet[Rollout]:
    """Return what failed of the actor's and was not tried again, and what needs an operator where she is one."""
    later = Rollout.objects.filter(endpoint=OuterRef("endpoint"), pk__gt=OuterRef("pk"))
    failed = Q(state__in=[RolloutState.FAILED, RolloutState.ROLLED_BACK], created_by=actor.user)
    recent = Q(ended_at__gt=clock.now() - timedelta(days=FAILED_DAYS))
    stuck = Q(state=RolloutState.NEEDS_OPERATOR)
    if not actor.holds(Permission.DEPLOY_PRODUCTION):
        stuck &= Q(created_by=actor.user)
    return _rollouts(actor).filter(stuck | (failed & recent & ~Exists(later)))


def _to_decide(row: ApprovalRequest) -> dict[str, object]:
    words = labels.move_words(row)
    return {
        "label": f"{row.model.name} v{row.version.version} → {words['target']}",
        "detail": f"asked by {row.requester.username}",
        "href": f"/approvals/{row.pk}",
        "action": "Review",
        "due_at": row.expires_at,
        "checks": labels.check_summary(row.checks.all()),
    }


def _to_review(broken: BrokenGlass) -> dict[str, object]:
    version = broken.request.version
    return {
        "label": f"Broken glass: {version.model.name} v{version.version}",
        "detail": f"{broken.person.username}: {broken.reason[:80]}",
        "href": f"/approvals/{broken.request_id}#glass",
        "action": "Review",
        "at": broken.opened_at,
    }


def _to_settle(row: Mismatch) -> dict[str, object]:
    says = f"the ledger says {row.said or 'no such row'}, the row {row.found or 'is gone'}"
    return {
        "label": f"Differs from the ledger: {row.label}",
        "detail": f"{says}; the deploy gate is shut"[:200],
        "href": f"/audit/mismatches/{row.pk}",
        "action": "Settle",
        "at": row.found_at,
    }


def _to_accept(version: PolicyVersion) -> dict[str, object]:
    return {
        "label": str(version).capitalize(),
        "detail": f"proposed by {version.author.username}",
        "href": f"/policies/{version.policy.name}/versions/{version.number}",
        "action": "Review",
        "at": version.created_at,
    }


def _to_carry_out(row: ApprovalRequest) -> dict[str, object]:
    words = labels.move_words(row)
    return {
        "label": f"{row.model.name} v{row.version.version} → {words['target']}",
        "detail": "approved: repeat the call, or make the move on its page",
        "href": f"/approvals/{row.pk}",
        "action": "Move",
        "due_at": row.expires_at,
    }


def _to_mend(rollout: Rollout) -> dict[str, object]:
    return {
        "label": f"{rollout.version.model.name} v{rollout.version.version} on {rollout.endpoint.name}",
        "detail": rollout.why,
        "state": rollout.shown_state,
        "href": f"/deployments/{rollout.pk}",
        "action": "Open",
        "at": rollout.ended_at or rollout.started_at,
    }


def _to_renew(token: ApiToken) -> dict[str, object]:
    return {
        "label": f"API token {token.label}",
        "detail": "make another before it ends",
        "href": "/account/tokens",
        "action": "Renew",
        "due_at": token.expires_at,
    }


def _wish(wish: AccessRequest) -> dict[str, object]:
    return {
        "label": f"{wish.user.username} asks for the role {wish.role}",
        "detail": wish.reason[:80],
        "href": "/admin/accounts/accessrequest/?settled_at__isempty=1",
        "action": "Open",
        "at": wish.created_at,
    }


def _to_judge(rollout: Rollout, actor: Actor) -> dict[str, object] | None:
    """Return what asks a person who may deploy there to decide: a canary whose evidence does not."""
    seen = _watched(rollout)
    if not seen.get("needs_person") or not actor.holds(rollout.endpoint.environment.permission):
        return None
    return {
        "label": f"{rollout.version.model.name} v{rollout.version.version} on {rollout.endpoint.name}",
        "state": rollout.shown_state,
        "detail": seen["sentence"],
        "href": f"/deployments/{rollout.pk}",
        "action": "Decide",
        "at": rollout.started_at,
    }


def _watched(rollout: Rollout) -> dict[str, Any]:
    """Return what the watch under way has seen last; nothing where none is."""
    steps = [step for step in rollout.steps.all() if step.status != "done"]
    return steps[0].observed if steps and steps[0].name in {"watch", "compare", "gate"} else {}


def _live_row(rollout: Rollout) -> dict[str, object]:
    steps: list[RolloutStep] = list(rollout.steps.all())
    done = sum(step.status == "done" for step in steps)
    now = steps[done] if done < len(steps) else None
    return {
        "number": rollout.pk,
        "model": rollout.version.model.name,
        "version": rollout.version.version,
        "endpoint": rollout.endpoint.name,
        "environment": rollout.endpoint.environment.name,
        "state": rollout.shown_state,
        "done": done,
        "steps": len(steps),
        "step": step_words(now) if now else "",
        "sentence": _watched(rollout).get("sentence", ""),
        "since": rollout.started_at or rollout.created_at,
    }


def _production_row(version: ModelVersion, held: dict[str, object]) -> dict[str, object]:
    return {
        "model": version.model.name,
        "aliases": labels.aliases((alias.name for alias in version.aliases.all()), version.model),
        **held,
    }
