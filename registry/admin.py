"""Admin pages of the registry and the ledger: to look things up. Every move is made on the pages, by their rules."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.admin import ReadOnlyAdmin, actor_of
from audit.models import Checkpoint, Event
from registry.history import events_visible_to
from registry.models import ApprovalRequest, Check, Comment, Decision, ModelVersion, PolicyVersion, RegisteredModel


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ReadOnlyAdmin):
    """Models, deleted ones included."""

    list_display = ("name", "owner", "risk_tier", "restricted", "updated_at", "deleted_at")
    list_filter = ("risk_tier", "restricted")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what the person may see."""
        return RegisteredModel.objects.visible_to(actor_of(request)).select_related("owner")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Versions. A stage is never set here."""

    list_display = ("model", "version", "stage", "status", "registered_by", "updated_at")
    list_filter = ("stage",)
    search_fields = ("model__name",)
    exclude = ("evidence",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what the person may see."""
        return ModelVersion.objects.visible_to(actor_of(request)).select_related("model", "registered_by")


class Rows(admin.TabularInline):  # type: ignore[type-arg]
    """Rows below a request, to read."""

    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As the request."""
        del request, obj
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        del request, obj
        return False


class Checks(Rows):
    """Its checks."""

    model = Check


class Decisions(Rows):
    """Its decisions."""

    model = Decision


class Comments(Rows):
    """Its discussion."""

    model = Comment


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdmin):
    """Requests with what was said and decided."""

    list_display = ("id", "model", "version", "state", "requester", "created_at", "expires_at")
    list_filter = ("state",)
    search_fields = ("model__name", "requester__username")
    exclude = ("subject",)
    inlines = (Checks, Decisions, Comments)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what the person may see."""
        return ApprovalRequest.objects.visible_to(actor_of(request)).select_related(
            "model", "version__model", "requester"
        )


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    """Texts of policies. They are proposed and accepted on their pages."""

    list_display = ("policy", "number", "state", "author", "decided_by", "created_at")
    list_filter = ("state",)
    search_fields = ("policy__name",)
    list_select_related = ("policy", "author", "decided_by")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Ledger events; the audit page shows more."""

    list_display = ("id", "at", "actor_name", "action", "object_label", "outcome")
    list_filter = ("outcome",)
    search_fields = ("actor_name", "object_label")
    exclude = ("body", "leaf", "xact")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what the person may see."""
        return events_visible_to(actor_of(request))


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Signed checkpoints."""

    list_display = ("size", "at")
    exclude = ("root", "frontier")
