"""Admin pages of deployments: to look things up, and to do something about rollouts that ask for an operator."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.admin import ReadOnlyAdmin, actor_of
from accounts.permissions import Permission
from core.refusals import Refusal
from deployments import interventions
from deployments.endpoints import endpoints_visible_to
from deployments.models import Endpoint, Rollout, RolloutInNeed
from deployments.states import RolloutState
from registry import access

DEPLOYING = frozenset({Permission.DEPLOY_STAGING, Permission.DEPLOY_PRODUCTION})


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    """Endpoints; what they serve is on their pages."""

    list_display = ("name", "environment", "model", "target", "created_at")
    search_fields = ("name", "model__name")
    exclude = ("salt",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what the person may see."""
        return endpoints_visible_to(actor_of(request))


@admin.register(Rollout)
class RolloutAdmin(ReadOnlyAdmin):
    """Deployments, newest first."""

    list_display = ("id", "endpoint", "version", "kind", "state", "why", "created_at", "ended_at")
    list_filter = ("state", "kind")
    search_fields = ("endpoint__name", "version__model__name")
    exclude = ("holder", "lease_until")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what the person may see."""
        rows = super().get_queryset(request).filter(endpoint__model__in=access.visible_models(actor_of(request)))
        return rows.select_related("endpoint__environment", "endpoint__model", "version__model").order_by("-pk")


@admin.register(RolloutInNeed)
class RolloutInNeedAdmin(RolloutAdmin):
    """Rollouts that could neither go on nor go back. Each action asks for a reason first."""

    list_filter = ("kind", "endpoint__environment")
    actions = ("resume", "turn_back", "give_up")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only those that ask."""
        return super().get_queryset(request).filter(state=RolloutState.NEEDS_OPERATOR)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Only for those who deploy."""
        found: dict[str, Any] = super().get_actions(request)
        return found if any(actor_of(request).holds(one) for one in DEPLOYING) else {}

    @admin.action(description="Resume: look at every step again and go on")
    def resume(self, request: HttpRequest, rows: QuerySet[Rollout]) -> TemplateResponse | None:
        """Go on."""
        return self._do(request, rows, "resume", "Resume")

    @admin.action(description="Turn back: send requests to what served before")
    def turn_back(self, request: HttpRequest, rows: QuerySet[Rollout]) -> TemplateResponse | None:
        """Go back."""
        return self._do(request, rows, "turn_back", "Turn back")

    @admin.action(description="Give up: leave everything as it is and free the endpoint")
    def give_up(self, request: HttpRequest, rows: QuerySet[Rollout]) -> TemplateResponse | None:
        """Leave it."""
        return self._do(request, rows, "give_up", "Give up")

    def _do(self, request: HttpRequest, rows: QuerySet[Rollout], verb: str, title: str) -> TemplateResponse | None:
        """Ask for the reason; with one, do it to each by the same function as its page."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            context = {**self.admin_site.each_context(request), "rows": rows, "verb": verb, "title": title}
            return TemplateResponse(request, "admin/deployments/reason.html", context)
        for row in rows:
            try:
                interventions.BY_NAME[verb](row, reason=reason, actor=actor_of(request))
            except Refusal as why:
                messages.error(request, f"{row}: {why.sentence}")
            else:
                messages.success(request, f"{title}: {row}.")
        return None
