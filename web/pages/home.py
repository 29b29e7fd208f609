"""Home: what waits for this person, what is in production, what happened."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.actors import Actor
from accounts.models import AccessRequest
from accounts.permissions import Permission
from registry import decisions, history
from registry.models import ApprovalRequest, ModelVersion, RegisteredModel
from registry.models.approvals import RequestState
from registry.stages import Stage
from web.actors import actor_of
from web.pages import labels
from web.pages.snippets import base_url, register_snippets

SHOWN = 20


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the page; a person without a role is sent to ask for one."""
    actor = actor_of(request)
    if not actor.roles:
        return render(request, "home/no_role.html", {})
    production = history.production_now(actor)
    any_model = RegisteredModel.objects.visible_to(actor).exists()
    context = {
        "needs_you": needs(actor),
        "production": [_production_row(version) for version in production[:SHOWN]],
        "production_total": production.count(),
        "events": history.page_of(history.events_visible_to(actor), size=10).events,
        "first_run": None if any_model else register_snippets(base_url(request)),
    }
    return render(request, "home/index.html", context)


def needs(actor: Actor) -> list[dict[str, object]]:
    """Return what waits for the actor: requests to decide, her own approved ones to carry out, wishes for roles."""
    rows = (
        ApprovalRequest.objects.visible_to(actor)
        .pending()
        .select_related("model", "version__registered_by", "requester")
    )
    rows = rows.prefetch_related("checks").order_by("expires_at")
    found = [_to_decide(row) for row in rows.filter(state=RequestState.OPEN)[:SHOWN] if may_decide(row, actor)]
    found += [_to_carry_out(row) for row in rows.filter(state=RequestState.APPROVED, requester=actor.user)[:SHOWN]]
    if actor.holds(Permission.USER_MANAGE):
        found += [_wish(wish) for wish in AccessRequest.objects.filter(settled_at=None).select_related("user")[:SHOWN]]
    return found


def may_decide(request: ApprovalRequest, actor: Actor) -> bool:
    """Whether the actor may decide on `request`."""
    return actor.holds(Permission.REQUEST_DECIDE) and not decisions.conflict_of_interest(request, actor)


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


def _to_carry_out(row: ApprovalRequest) -> dict[str, object]:
    words = labels.move_words(row)
    detail = "approved: repeat the call, or make the move on its page"
    return {
        "label": f"{row.model.name} v{row.version.version} → {words['target']}",
        "detail": detail,
        "href": f"/approvals/{row.pk}",
        "action": "Move",
        "due_at": row.expires_at,
    }


def _wish(wish: AccessRequest) -> dict[str, object]:
    return {
        "label": f"{wish.user.username} asks for the role {wish.role}",
        "detail": wish.reason[:80],
        "href": "/admin/accounts/accessrequest/?settled_at__isempty=1",
        "action": "Open",
        "at": wish.created_at,
    }


def _production_row(version: ModelVersion) -> dict[str, object]:
    held = entry(version)
    return {
        "model": version.model.name,
        "version": version.version,
        "aliases": labels.aliases(alias.name for alias in version.aliases.all()),
        **held,
    }


def entry(version: ModelVersion) -> dict[str, object]:
    """Return since when `version` is in Production, by whom, approved by whom."""
    spans = [s for s in history.live_at(version.model) if s.version == version.version and s.label == Stage.PRODUCTION]
    if not spans:
        return {
            "version": version.version,
            "since": version.updated_at,
            "by": "",
            "approved_by": "",
            "approval_href": "",
        }
    span = spans[-1]
    approval = ApprovalRequest.objects.filter(pk=span.approval).first() if isinstance(span.approval, int) else None
    approvers = (
        ", ".join(approval.decisions.filter(verdict="approve").values_list("person__username", flat=True))
        if approval
        else ""
    )
    return {
        "version": version.version,
        "since": span.start,
        "by": span.actor,
        "approved_by": approvers,
        "approval_href": f"/approvals/{approval.pk}" if approval else "",
    }
