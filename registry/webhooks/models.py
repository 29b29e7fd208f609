"""Rows of webhooks: who is told, what was sent to whom, and how far into the ledger that has been worked out."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class Channel(models.TextChoices):
    """Kinds that never see each other: MLflow's clients and the Databricks SDK manage theirs, admins manage ours."""

    MLFLOW = "mlflow", "MLflow's"
    WORKSPACE = "workspace", "Databricks'"
    SIGNOFF = "signoff", "Signoff's"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """Reads of webhooks."""

    def live(self) -> "WebhookQuerySet":
        """Those not deleted."""
        return self.filter(deleted_at=None)


class Webhook(models.Model):
    """An address that is told of events. `secret` and `authorization` are encrypted, and shown to nobody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.CharField(max_length=16, choices=Channel.choices)
    name = models.CharField(max_length=63)
    description = models.CharField(max_length=1000, blank=True, default="")
    url = models.CharField(max_length=500)
    events = models.JSONField(default=list)
    secret = models.BinaryField(default=b"")
    active = models.BooleanField(default=True)
    test_only = models.BooleanField(default=False, help_text="off but for tests")
    model_uuid = models.UUIDField(null=True, blank=True, help_text="of the one model it is about; none: of all")
    authorization = models.BinaryField(default=b"", help_text="what it sends as Authorization, encrypted")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)
    resting_until = models.DateTimeField(null=True, blank=True)

    objects = WebhookQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    WAITING = "waiting", "waiting"
    DELIVERED = "delivered", "delivered"
    FAILED = "failed", "failed"
    DROPPED = "dropped", "dropped"


class Delivery(models.Model):
    """One event for one webhook. Its id goes out with every try, so that a receiver knows a repetition."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    seq = models.BigIntegerField(null=True, help_text="number of the event in the ledger; none for a test")
    event = models.CharField(max_length=64)
    body = models.TextField()
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")
    answer = models.TextField(blank=True, default="")
    log = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """An event goes to a webhook once."""

        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["webhook", "seq"], name="delivery_once")]
        indexes = [
            models.Index(fields=["state", "next_at"], name="delivery_due"),
            models.Index(fields=["-created_at"], name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook.name}"


class Reached(models.Model):
    """One row: the ledger's number up to which deliveries were made out."""

    seq = models.BigIntegerField(default=-1)

    def __str__(self) -> str:
        return f"#{self.seq}"
