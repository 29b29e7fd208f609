"""Facts about a version that arrive after its registration."""

from django.db import models
from django.utils import timezone

from registry.models.versions import ModelVersion


class VersionFact(models.Model):
    """What was found out about a version's files, and by what. A policy may require that it is good."""

    class Kind(models.TextChoices):
        """What was looked at."""

        SCAN = "scan", "Scan of the files"
        MAKER = "artifact", "Signature of the maker"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="facts")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    good = models.BooleanField()
    words = models.CharField(max_length=200)
    found = models.JSONField(default=list)  # [[path, why], …]
    by = models.CharField(max_length=100)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One of a kind, the newest."""

        constraints = [models.UniqueConstraint(fields=["version", "kind"], name="version_fact_once")]
        ordering = ("kind",)

    def __str__(self) -> str:
        return self.words
