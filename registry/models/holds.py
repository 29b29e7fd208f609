"""Holds: why a version must not be deleted, placed by whoever relies on it."""

from django.db import models
from django.utils import timezone

from registry.models.versions import ModelVersion


class Hold(models.Model):
    """A row placed from above, so that the registry refuses deletion by its own table."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="holds")
    kind = models.CharField(max_length=32)
    label = models.CharField(max_length=200)
    placed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """The same hold stands once."""

        constraints = [models.UniqueConstraint(fields=["version", "kind", "label"], name="hold_once")]

    def __str__(self) -> str:
        return self.label
