"""Rows of deployments: environments, endpoints, rollouts and their steps, and the rights rollouts leave behind."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.permissions import Permission
from deployments.states import BATCH_LIVE, LIVE, BatchState, RolloutState, StepStatus
from registry.models import ApprovalRequest, Blob, ModelVersion, RegisteredModel

STAGING = "staging"  # the one environment in which nobody has to sign


class Environment(models.Model):
    """`staging` or `production`: decides, by its name alone, who deploys and whether a signature is needed."""

    name = models.CharField(max_length=40, unique=True)

    def __str__(self) -> str:
        return self.name

    @property
    def needs_approval(self) -> bool:
        """Whether somebody has to sign what is started here."""
        return self.name != STAGING

    @property
    def permission(self) -> Permission:
        """What starting a rollout here takes."""
        return Permission.DEPLOY_PRODUCTION if self.needs_approval else Permission.DEPLOY_STAGING


class Endpoint(models.Model):
    """A stable address that serves one registered model. What it serves is the newest rollout that is done."""

    class Pattern(models.TextChoices):
        """How it is asked. What serves requests scores files as well."""

        REST = "rest", "Requests, and files"
        BATCH = "batch", "Files alone"

    name = models.CharField(max_length=63, unique=True)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="endpoints")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="endpoints")
    target = models.CharField(max_length=32, default="local")
    pattern = models.CharField(max_length=8, choices=Pattern.choices, default=Pattern.REST)
    salt = models.CharField(max_length=64)
    capacity = models.JSONField(default=dict, blank=True)  # what differs from the defaults of deployments.capacity
    replicas = models.PositiveSmallIntegerField(default=1)  # model servers that each of its releases should have now
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name

    @property
    def takes_requests(self) -> bool:
        """Whether model servers of it are kept running."""
        return self.pattern == self.Pattern.REST


class EndpointToken(models.Model):
    """A token of an endpoint, for one use; known by its SHA-256 only."""

    class Use(models.TextChoices):
        """What it may be used for."""

        PREDICT = "predict", "Asks for predictions"
        TELL = "tell", "Tells what was predicted elsewhere"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="tokens")
    use = models.CharField(max_length=8, choices=Use.choices, default=Use.PREDICT)
    label = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    sha256 = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix} ({self.label})"


class Rollout(models.Model):
    """One change of what an endpoint serves. `fence` rises with each claim: a target refuses an older one."""

    class Kind(models.TextChoices):
        """Why it happens."""

        DEPLOY = "deploy", "Deployment"
        ROLLBACK = "rollback", "Rollback"
        WITHDRAW = "withdraw", "Withdrawal"  # `version` is what goes, `last_good` what serves instead

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="rollouts")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="rollouts")
    digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.DEPLOY)
    plan = models.JSONField(default=dict)
    limits = models.JSONField(default=dict)  # of its model servers, as they were when it was asked for
    request = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, null=True, related_name="rollout")
    last_good = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=16, choices=RolloutState.choices, default=RolloutState.QUEUED)
    reason = models.TextField(blank=True, default="")
    why = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    sent_back_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    fence = models.PositiveBigIntegerField(default=0)
    holder = models.CharField(max_length=64, blank=True, default="")
    lease_until = models.DateTimeField(default=timezone.now)

    class Meta:
        """One live rollout per endpoint."""

        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=models.Q(state__in=sorted(LIVE)), name="rollout_one_live_per_endpoint"
            )
        ]
        indexes = [models.Index(fields=["state", "lease_until"], name="rollout_due")]

    def __str__(self) -> str:
        return f"deployment #{self.pk}"

    @property
    def shown_state(self) -> str:
        """Return the state people are told: `paused` for one that runs and is held at its share."""
        return "paused" if self.state == RolloutState.RUNNING and self.paused_at else str(self.state)

    @property
    def back_s(self) -> float | None:
        """Return how long it took, from the word or the evidence, until what served before had all requests again.

        None where nothing goes back, or has not yet. Of what was sent back it includes the end of its model server.
        """
        name = "route" if self.kind == self.Kind.ROLLBACK else "revert"
        step = self.steps.filter(name=name, status=StepStatus.DONE).first()
        asked_at = self.created_at if self.kind == self.Kind.ROLLBACK else self.sent_back_at
        return (step.ended_at - asked_at).total_seconds() if step and step.ended_at and asked_at else None


class RolloutInNeed(Rollout):
    """A rollout that waits for an operator, as the admin lists them."""

    class Meta:
        """No table of its own."""

        proxy = True
        verbose_name = "rollout that needs an operator"
        verbose_name_plural = "rollouts that need an operator"


WAY_BACK = 1000  # the position of the step that sends requests back; those of the plan stand before it


class RolloutStep(models.Model):
    """One step of a rollout. `key` makes applying it twice harmless."""

    rollout = models.ForeignKey(Rollout, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=32)
    arguments = models.JSONField(default=dict)
    key = models.CharField(max_length=100, unique=True)
    status = models.CharField(max_length=8, choices=StepStatus.choices, default=StepStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    deadline_at = models.DateTimeField(null=True)
    observed = models.JSONField(default=dict)
    why = models.CharField(max_length=500, blank=True, default="")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """In order."""

        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["rollout", "position"], name="step_once_per_position")]

    def __str__(self) -> str:
        return f"{self.name} of {self.rollout}"

    @property
    def share_pct(self) -> int:
        """The share of the requests, in percent, that the step gives or watches; 0 where it has none."""
        return int(str(self.arguments.get("share_pct", 0)))


class Sighting(models.Model):
    """What a place showed last of a rollout's version: a page compares places without asking any of them."""

    rollout = models.OneToOneField(Rollout, on_delete=models.CASCADE, related_name="sighting")
    sight = models.CharField(max_length=12)  # deployments.plan.Sight
    why = models.CharField(max_length=500, blank=True, default="")
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.rollout} {self.sight}"


class InstalledRight(models.Model):
    """What a finished rollout installed: restart and rollback need only this, and that the digest still holds."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="rights")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    rollout = models.OneToOneField(Rollout, on_delete=models.PROTECT, related_name="right")
    installed_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.version} at {self.endpoint}"


class BatchJob(models.Model):
    """A file to be scored by what an endpoint may serve. `fence` rises with each claim; rows count part by part."""

    class Kind(models.TextChoices):
        """How a file is written."""

        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="batch_jobs")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    rollout = models.ForeignKey(Rollout, on_delete=models.PROTECT, related_name="+")  # which left the right to serve it
    digest = models.CharField(max_length=64)
    input = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    input_name = models.CharField(max_length=250)
    input_kind = models.CharField(max_length=8, choices=Kind.choices, blank=True, default="")  # once it was looked at
    result_kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PARQUET)
    id_column = models.CharField(max_length=250, blank=True, default="")
    state = models.CharField(max_length=10, choices=BatchState.choices, default=BatchState.QUEUED)
    why = models.CharField(max_length=1000, blank=True, default="")
    phase = models.CharField(max_length=12, blank=True, default="")  # of a running one, as its process says
    attempts = models.PositiveSmallIntegerField(default=0)  # that ended without a word, since the last part was kept
    rows_read = models.PositiveBigIntegerField(default=0)
    rows_scored = models.PositiveBigIntegerField(default=0)
    rows_rejected = models.PositiveBigIntegerField(default=0)
    share = models.FloatField(default=0.0)  # of the file, from 0 to 1
    rows_s = models.FloatField(default=0.0)  # a second
    isolation = models.CharField(max_length=12, blank=True, default="")
    told = models.JSONField(default=dict)  # of its rows: how far from the reference, what was predicted
    result = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    rejected = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    manifest = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    holder = models.CharField(max_length=64, blank=True, default="")
    lease_until = models.DateTimeField(default=timezone.now)

    class Meta:
        """The same question is asked once at a time."""

        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "version", "input", "result_kind", "id_column"],
                condition=models.Q(state__in=sorted(BATCH_LIVE)), name="batch_once_at_a_time",
            )
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["state", "lease_until"], name="batch_due"),
            models.Index(fields=["endpoint", "-id"], name="batch_newest"),
        ]

    def __str__(self) -> str:
        return f"batch job #{self.pk}"

    @property
    def left_s(self) -> float | None:
        """Return how many seconds the rest takes at the rate of now, or None where nobody can know."""
        if self.state != BatchState.RUNNING or not self.rows_s or not self.share:
            return None
        return self.rows_read * (1 - self.share) / self.share / self.rows_s


class BatchSchedule(models.Model):
    """A stored file that is scored at each moment of a cron expression, in the name of whoever made it."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="batch_schedules")
    address = models.CharField(max_length=1300)
    cron = models.CharField(max_length=200)
    result_kind = models.CharField(max_length=8, choices=BatchJob.Kind.choices, default=BatchJob.Kind.PARQUET)
    id_column = models.CharField(max_length=250, blank=True, default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    done_until = models.DateTimeField(default=timezone.now)  # moments up to here were taken
    last_job = models.ForeignKey(BatchJob, on_delete=models.PROTECT, null=True, related_name="+")
    why = models.CharField(max_length=500, blank=True, default="")  # the last moment brought no job

    class Meta:
        """By endpoint, those that go on."""

        indexes = [models.Index(fields=["endpoint", "ended_at"], name="schedule_live")]

    def __str__(self) -> str:
        return f"schedule #{self.pk}"


class AlertBook(models.Model):
    """The alert rules of an endpoint, as they were written; `changed_by` answers for what an alert sends back."""

    endpoint = models.OneToOneField(Endpoint, on_delete=models.PROTECT, related_name="alert_book")
    text = models.TextField()
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"alert rules of {self.endpoint_id}"


class Alert(models.Model):
    """A rule's condition held. It is one alert until nothing fired for a while, however often it came and went."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="alerts")
    rule = models.CharField(max_length=63)
    then = models.CharField(max_length=10)
    about = models.CharField(max_length=500, blank=True, default="")
    runbook = models.CharField(max_length=500, blank=True, default="")
    words = models.CharField(max_length=500)  # what was seen when it began
    value = models.FloatField(null=True)
    began_at = models.DateTimeField(default=timezone.now)
    fired_at = models.DateTimeField(default=timezone.now)  # the last time
    ended_at = models.DateTimeField(null=True)
    did = models.CharField(max_length=500, blank=True, default="")  # what became of `then`, where that is a deed
    seen_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    seen_at = models.DateTimeField(null=True)
    seen_comment = models.TextField(blank=True, default="")

    class Meta:
        """One at a time of a rule."""

        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "rule"], condition=models.Q(ended_at=None), name="alert_once_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["endpoint", "-began_at"], name="alert_newest")]

    def __str__(self) -> str:
        return f"alert {self.rule} of {self.endpoint_id}"
