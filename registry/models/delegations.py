"""Delegations: while somebody is away, another decides for her."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Reads of delegations."""

    def active(self) -> "DelegationQuerySet":
        """Those that hold now."""
        return self.filter(ended_at=None, ends_at__gt=timezone.now(), person__is_active=True)


class Delegation(models.Model):
    """`to` decides for `person` until `ends_at`: for the groups that are hers, not for those delegated to her."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_given")
    to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_received")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        """A person delegates to one other at a time."""

        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=models.Q(ended_at=None), name="delegation_one_at_a_time"
            )
        ]
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.to} for {self.person}"
