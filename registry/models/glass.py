"""Broken glass: a request that one person let through in an emergency."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.permissions import Permission
from registry.models.approvals import ApprovalRequest, RequestState
from registry.models.versions import made_by

if TYPE_CHECKING:
    from accounts.actors import Actor


class BrokenGlassQuerySet(models.QuerySet["BrokenGlass"]):
    """Reads of broken glass."""

    def visible_to(self, actor: "Actor") -> "BrokenGlassQuerySet":
        """That of requests the actor may see."""
        return self.filter(request__in=ApprovalRequest.objects.visible_to(actor))

    def lasting(self) -> "BrokenGlassQuerySet":
        """What lets something through still, or did so less than its time ago."""
        usable = [RequestState.APPROVED, RequestState.EXECUTED]
        return self.filter(ends_at__gt=timezone.now(), request__state__in=usable)

    def waiting_for(self, actor: "Actor") -> "BrokenGlassQuerySet":
        """What the actor may review: not her own, and nothing that she asked for, registered or trained."""
        if not actor.holds(Permission.REQUEST_DECIDE):
            return self.none()
        rows = self.visible_to(actor).filter(reviewed_at=None).exclude(person=actor.user)
        rows = rows.exclude(request__requester=actor.user)
        return rows.exclude(made_by(actor.user, "request__version"))


class BrokenGlass(models.Model):
    """One person's word instead of the approvals a request lacked; `overridden` says what, in sentences."""

    request = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="glass")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    overridden = models.JSONField(default=list)
    opened_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    review = models.TextField(blank=True, default="")

    objects = BrokenGlassQuerySet.as_manager()

    class Meta:
        """Found by its end on every page."""

        indexes = [models.Index(fields=["ends_at"], name="glass_ends")]

    def __str__(self) -> str:
        return f"glass broken by {self.person} for {self.request}"


def broken_for(request: ApprovalRequest) -> bool:
    """Whether the request was let through by breaking the glass."""
    return BrokenGlass.objects.filter(request=request).exists()
