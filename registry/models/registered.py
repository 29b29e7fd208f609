"""Registered models, their tags, the rights given on them and the thresholds their versions must pass."""

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.permissions import Permission
from registry.names import skeleton

if TYPE_CHECKING:
    from accounts.actors import Actor


ALWAYS_PROTECTED = "champion"  # it follows Production


class RiskTier(models.TextChoices):
    """How much harm a wrong prediction can do."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


def readable_by(actor: "Actor", model: str = "") -> models.Q:
    """Return what holds of a model that the actor, who may read models, may read; `model` is the way to it: `model__`.

    `registry.reads.visible` says the same in SQL.
    """
    if actor.holds(Permission.MODEL_READ_RESTRICTED):
        return models.Q()
    here = models.OuterRef(f"{model}pk")
    own = RegisteredModelUserPermission.objects.filter(content_object=here, user=actor.user)
    team = RegisteredModelGroupPermission.objects.filter(content_object=here, group__user=actor.user)
    theirs = models.Q(**{f"{model}restricted": False}) | models.Q(**{f"{model}owner": actor.user})
    return theirs | models.Q(models.Exists(own)) | models.Q(models.Exists(team))


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    """Reads of models."""

    def live(self) -> "RegisteredModelQuerySet":
        """Models that were not deleted."""
        return self.filter(deleted_at=None)

    def visible_to(self, actor: "Actor") -> "RegisteredModelQuerySet":
        """Live models the actor may read: all for a person with a role, restricted ones by ownership or grant only."""
        return self.live().filter(readable_by(actor)) if actor.holds(Permission.MODEL_READ) else self.none()


class RegisteredModel(models.Model):
    """A name under which versions are registered. Its identity is `uuid`: a re-created name inherits nothing."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=300)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_models")
    description = models.TextField(blank=True, default="")
    risk_tier = models.CharField(max_length=8, choices=RiskTier.choices, default=RiskTier.MEDIUM)
    restricted = models.BooleanField(default=False)
    strict_sources = models.BooleanField(default=False)
    protected_aliases = models.JSONField(default=list)  # besides champion
    data_policy = models.JSONField(default=dict, blank=True)  # registry.data_policy; {} where nobody said anything
    outcome_values = models.JSONField(default=list, blank=True)  # registry.outcome_values; [] where nobody said any
    next_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        """A name is unique among live models."""

        constraints = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(deleted_at=None), name="model_name_live")
        ]
        indexes = [models.Index(fields=["-updated_at", "name"], name="model_updated")]
        permissions = [("write_registeredmodel", "Can register versions and edit")]

    def __str__(self) -> str:
        return self.name

    def protects(self, alias: str) -> bool:
        """Whether moving `alias` needs a signature; a look-alike in case, width or another alphabet does too."""
        return bool(self.protected_like(alias))

    def protected_like(self, alias: str) -> str:
        """Return the protected name that `alias` is or looks like, or an empty string."""
        looks = skeleton(alias)
        return next((name for name in (ALWAYS_PROTECTED, *self.protected_aliases) if skeleton(name) == looks), "")


class ModelTag(models.Model):
    """A key and value on a model."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True, default="")

    class Meta:
        """A key stands once."""

        constraints = [models.UniqueConstraint(fields=["model", "key"], name="model_tag_once")]
        ordering = ("key",)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class MetricThreshold(models.Model):
    """A version of `model` may go to Production only where `metric` compares so with `value`."""

    class Comparison(models.TextChoices):
        """How the measured value must relate to the threshold."""

        ABOVE = ">", ">"
        AT_LEAST = ">=", "≥"
        BELOW = "<", "<"
        AT_MOST = "<=", "≤"

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="thresholds")
    metric = models.CharField(max_length=250)
    comparison = models.CharField(max_length=2, choices=Comparison.choices)
    value = models.FloatField()
    required = models.BooleanField(default=True)

    class Meta:
        """One threshold per metric and direction."""

        constraints = [models.UniqueConstraint(fields=["model", "metric", "comparison"], name="threshold_once")]
        ordering = ("metric",)

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.value:g}"


class RegisteredModelUserPermission(UserObjectPermissionBase):
    """A right given to a person; a direct foreign key keeps lists fast."""

    content_object = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE)


class RegisteredModelGroupPermission(GroupObjectPermissionBase):
    """A right given to a team."""

    content_object = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE)
