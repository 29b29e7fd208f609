"""Model cards: what people should know before they use a version."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from registry.models.versions import ModelVersion


class CardState(models.TextChoices):
    """Where a card stands. Only `registry.cards` assigns it."""

    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"


class ModelCard(models.Model):
    """The card of a version: a text for each section. What nobody wrote is a gap."""

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="card")
    sections = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=CardState.choices, default=CardState.DRAFT)
    edited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    edited_at = models.DateTimeField(default=timezone.now)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    words = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"card of {self.version}"
