"""Approval requests: what is asked, the checks, the words, the decisions."""

import re
import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone

from accounts.permissions import Permission
from registry.models.delegations import Delegation
from registry.models.registered import RegisteredModel
from registry.models.versions import ModelVersion, made_by

if TYPE_CHECKING:
    from accounts.actors import Actor


class RequestState(models.TextChoices):
    """Where a request stands. Only `registry.requests.advance` assigns it."""

    OPEN = "open", "Waiting"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    CHANGES_REQUESTED = "changes_requested", "Sent back for changes"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    SUPERSEDED = "superseded", "Superseded"
    EXECUTED = "executed", "Executed"


S = RequestState
ALL = 100  # percent
MOVES: dict[str, frozenset[str]] = {
    S.OPEN: frozenset({S.APPROVED, S.REJECTED, S.CHANGES_REQUESTED, S.WITHDRAWN, S.EXPIRED, S.SUPERSEDED}),
    S.APPROVED: frozenset({S.EXECUTED, S.WITHDRAWN, S.EXPIRED, S.SUPERSEDED}),
}


class RequestQuerySet(models.QuerySet["ApprovalRequest"]):
    """Reads of requests."""

    def visible_to(self, actor: "Actor") -> "RequestQuerySet":
        """Requests about models the actor may read."""
        return self.filter(model__in=RegisteredModel.objects.visible_to(actor))

    def pending(self) -> "RequestQuerySet":
        """Requests that can still be used: open or approved, and not expired."""
        return self.filter(state__in=[S.OPEN, S.APPROVED], expires_at__gt=timezone.now())

    def waiting_for(self, actor: "Actor") -> "RequestQuerySet":
        """Requests, open or approved in part, that ask a group of the actor's and that she has not decided on wholly.

        Not hers, not of what she registered or trained, nor of a copy of that.
        """
        if not actor.holds(Permission.REQUEST_DECIDE):
            return self.none()
        limited = models.Q(state=S.APPROVED, ceiling_pct__lt=ALL)
        rows = self.visible_to(actor).pending().filter(models.Q(state=S.OPEN) | limited).exclude(requester=actor.user)
        absent = Delegation.objects.active().filter(to=actor.user).values("person")
        mine = models.Q(user=actor.user) | models.Q(user__in=absent)
        asked = RequestRule.objects.filter(group__in=Group.objects.filter(mine).values("name"))
        rows = rows.filter(pk__in=asked.values("request")).exclude(made_by(actor.user))
        return rows.exclude(pk__in=Decision.objects.filter(person=actor.user, up_to_pct=ALL).values("request"))

    def usable_by(self, actor: "Actor") -> "RequestQuerySet":
        """Requests of the actor's own that were approved and wait for her to make the move."""
        return self.visible_to(actor).pending().filter(state=S.APPROVED, requester=actor.user)

    def discussed_by(self, actor: "Actor") -> "RequestQuerySet":
        """Requests the actor asked for, decided on, commented on, or is named in as @name."""
        name = re.escape(actor.name)
        decided = Decision.objects.filter(person=actor.user).values("request")
        named = models.Q(author=actor.user) | models.Q(body__iregex=rf"(^|[^\w@])@{name}($|[^\w])")
        spoken = Comment.objects.filter(named).values("request")
        part = models.Q(requester=actor.user) | models.Q(pk__in=decided) | models.Q(pk__in=spoken)
        return self.visible_to(actor).filter(part)


class ApprovalRequest(models.Model):
    """Someone asks that one version makes one move. `subject` is what exactly is approved; its SHA-256 is signed."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="requests")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="requests")
    move_key = models.CharField(max_length=300)
    subject = models.BinaryField()
    subject_digest = models.CharField(max_length=64, db_index=True)
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="opened_requests")
    reason = models.TextField(blank=True, default="")
    state = models.CharField(max_length=20, choices=RequestState.choices, default=RequestState.OPEN)
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    ceiling_pct = models.PositiveSmallIntegerField(default=100)  # once approved: up to which share of the requests
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True)  # by then it should be decided; nothing happens when it is not
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.TextField(blank=True, default="")
    executed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = RequestQuerySet.as_manager()

    class Meta:
        """One usable request per version and move."""

        constraints = [
            models.UniqueConstraint(
                fields=["version", "move_key"],
                condition=models.Q(state__in=["open", "approved"]),
                name="request_once_per_move",
            )
        ]
        indexes = [models.Index(fields=["state", "expires_at"], name="request_due")]

    def __str__(self) -> str:
        return f"request #{self.pk}"

    @property
    def is_limited(self) -> bool:
        """Whether it is approved for a part of the requests only, so that a wider approval can follow."""
        return self.state == S.APPROVED and self.ceiling_pct < ALL


class RequestRule(models.Model):
    """So many people of a group have to approve the request; a person counts for one rule."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.CASCADE, related_name="rules")
    group = models.CharField(max_length=150, db_index=True)
    count = models.PositiveSmallIntegerField()

    class Meta:
        """In the order the policy states them."""

        constraints = [models.UniqueConstraint(fields=["request", "group"], name="request_rule_once_per_group")]
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.count} from {self.group}"


class Check(models.Model):
    """A fact about the version, measured when the request was opened."""

    class Status(models.TextChoices):
        """`pending` is never `passed`."""

        PASSED = "passed", "Passed"
        WARN = "warn", "Warning"
        FAILED = "failed", "Failed"
        PENDING = "pending", "Pending"

    request = models.ForeignKey(ApprovalRequest, on_delete=models.CASCADE, related_name="checks")
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=8, choices=Status.choices)
    required = models.BooleanField(default=True)
    expected = models.CharField(max_length=200, blank=True, default="")
    measured = models.CharField(max_length=200, blank=True, default="")
    why = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        """In the order they were made."""

        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"


class Decision(models.Model):
    """One person's word on one digest, of an approval for the shares of the requests up to one. Never changed."""

    class Verdict(models.TextChoices):
        """What was decided."""

        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        REQUEST_CHANGES = "request_changes", "Sent back for changes"

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="decisions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    comment = models.TextField()
    subject_digest = models.CharField(max_length=64)
    up_to_pct = models.PositiveSmallIntegerField(default=ALL)
    groups = models.JSONField(default=list)  # hers when she decided, and those of whom she decided for
    for_person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    via = models.CharField(max_length=16)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        """A person counts once, and may say more than once how far she goes: each time further."""

        constraints = [
            models.UniqueConstraint(fields=["request", "person", "up_to_pct"], name="decision_once_per_share")
        ]
        ordering = ("at", "id")

    def __str__(self) -> str:
        return f"{self.verdict} by {self.person}"

    @property
    def reach(self) -> str:
        """How far an approval goes, to be written after it; nothing for the whole."""
        return f" up to {self.up_to_pct} %" if self.up_to_pct < ALL else ""


class Comment(models.Model):
    """A contribution to a request's discussion; its author may edit it while the request is open."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)

    class Meta:
        """Oldest first."""

        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return f"comment by {self.author}"


class CommentRevision(models.Model):
    """An earlier text of an edited comment."""

    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="earlier")
    body = models.TextField()
    replaced_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Oldest first."""

        ordering = ("replaced_at", "id")

    def __str__(self) -> str:
        return f"text until {self.replaced_at}"
