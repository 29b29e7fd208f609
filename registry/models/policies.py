"""Policies and their versions."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.permissions import Permission

if TYPE_CHECKING:
    from accounts.actors import Actor


class PolicyState(models.TextChoices):
    """Where a version stands. Only `registry.policies.changes` assigns it."""

    PROPOSED = "proposed", "Proposed"
    ACTIVE = "active", "In force"
    REPLACED = "replaced", "Replaced"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


P = PolicyState
POLICY_MOVES: dict[str, frozenset[str]] = {
    P.PROPOSED: frozenset({P.ACTIVE, P.REFUSED, P.WITHDRAWN}),
    P.ACTIVE: frozenset({P.REPLACED}),
}


class Policy(models.Model):
    """A policy by name; what it says is in its versions."""

    name = models.CharField(max_length=63, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    """Reads of versions."""

    def waiting_for(self, actor: "Actor") -> "PolicyVersionQuerySet":
        """Proposals that the actor may accept: not her own."""
        rows = self.filter(state=P.PROPOSED).exclude(author=actor.user)
        return rows if actor.holds(Permission.POLICY_ACCEPT) else rows.none()


class PolicyVersion(models.Model):
    """A text of a policy, kept as it was proposed and never changed."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=9, choices=PolicyState.choices, default=PolicyState.PROPOSED)
    reason = models.TextField(blank=True, default="")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="proposed_policies")
    created_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    comment = models.TextField(blank=True, default="")

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        """One version of a policy is in force, and one is proposed; newest first."""

        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once"),
            models.UniqueConstraint(
                fields=["policy"], condition=models.Q(state="active"), name="policy_one_version_in_force"
            ),
            models.UniqueConstraint(
                fields=["policy"], condition=models.Q(state="proposed"), name="policy_one_version_proposed"
            ),
        ]
        indexes = [models.Index(fields=["state"], name="policy_version_state")]
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"policy {self.policy.name} v{self.number}"
