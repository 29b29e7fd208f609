"""Experiments, runs and logged models: what a training script writes before it registers."""

from django.conf import settings
from django.db import models
from django.db.models.functions import RowNumber
from django.utils import timezone


class Lifecycle(models.TextChoices):
    """Deleted things can be restored; what a registered version came from cannot be deleted."""

    ACTIVE = "active"
    DELETED = "deleted"


class Experiment(models.Model):
    """A folder of runs. Number 0, `Default`, always exists."""

    name = models.CharField(max_length=500, unique=True)
    lifecycle_stage = models.CharField(max_length=8, choices=Lifecycle.choices, default=Lifecycle.ACTIVE)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One execution of training code, by `author`. Times are milliseconds since 1970, as the client sends them."""

    run_id = models.CharField(max_length=32, primary_key=True)
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=250)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    status = models.CharField(max_length=12, default="RUNNING")
    start_time = models.BigIntegerField()
    end_time = models.BigIntegerField(null=True)
    lifecycle_stage = models.CharField(max_length=8, choices=Lifecycle.choices, default=Lifecycle.ACTIVE)

    class Meta:
        """Newest first within an experiment."""

        indexes = [models.Index(fields=["experiment", "-start_time"], name="run_newest")]

    def __str__(self) -> str:
        return self.name


NAN = "NaN"


class MetricQuerySet(models.QuerySet["Metric"]):
    """Reads of metrics."""

    def newest(self, owner: str = "run") -> "MetricQuerySet":
        """The last value of each key of each `owner`: by step, then time, then value, as MLflow counts."""
        age = [models.F(name).desc() for name in ("step", "timestamp", "value", "pk")]
        rank = models.Window(RowNumber(), partition_by=[models.F(owner), models.F("key")], order_by=age)
        return self.annotate(rank=rank).filter(rank=1)


class Metric(models.Model):
    """One logged value. `special` says NaN, Infinity or -Infinity where it is none of a database's numbers.

    `value` stands for it then as in MLflow, 0 or the largest number of that sign: infinities lie in order by `value`
    alone, and NaN has to be left out of every comparison.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="metrics")
    key = models.CharField(max_length=250)
    value = models.FloatField(default=0.0)
    special = models.CharField(max_length=9, blank=True, default="")
    step = models.BigIntegerField(default=0)
    timestamp = models.BigIntegerField()
    logged_model_id = models.CharField(max_length=64, blank=True, default="", db_index=True)
    dataset = models.JSONField(default=dict)

    objects = MetricQuerySet.as_manager()

    class Meta:
        """Sending the same value twice (a client retries) leaves one row."""

        constraints = [
            models.UniqueConstraint(
                fields=["run", "key", "step", "timestamp", "value", "special", "logged_model_id"], name="metric_once"
            )
        ]
        indexes = [models.Index(fields=["run", "key", "-step", "-timestamp"], name="metric_latest")]

    def __str__(self) -> str:
        return f"{self.key}={self.special or self.value}"


class Param(models.Model):
    """A parameter of a run; it never changes."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="params")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=6000, blank=True)

    class Meta:
        """A key stands once."""

        constraints = [models.UniqueConstraint(fields=["run", "key"], name="param_once")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class RunTag(models.Model):
    """A tag of a run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True, default="")

    class Meta:
        """A key stands once."""

        constraints = [models.UniqueConstraint(fields=["run", "key"], name="run_tag_once")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class RunInput(models.Model):
    """A data set or model a run read, as the client described it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="inputs")
    kind = models.CharField(max_length=8)
    key = models.CharField(max_length=600)
    context = models.TextField(blank=True, default="")  # what a data set was for, such as training
    body = models.JSONField(default=dict)

    class Meta:
        """The same input stands once."""

        constraints = [models.UniqueConstraint(fields=["run", "kind", "key"], name="run_input_once")]

    def __str__(self) -> str:
        return self.key


class RunOutput(models.Model):
    """A logged model a run wrote."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="outputs")
    model_id = models.CharField(max_length=64)
    step = models.BigIntegerField(default=0)

    class Meta:
        """The same output stands once."""

        constraints = [models.UniqueConstraint(fields=["run", "model_id"], name="run_output_once")]

    def __str__(self) -> str:
        return self.model_id


class LoggedModel(models.Model):
    """A model folder a run wrote (MLflow 3): its files live under `<experiment>/models/<id>/artifacts`."""

    model_id = models.CharField(max_length=64, primary_key=True)
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="logged_models")
    name = models.CharField(max_length=500)
    source_run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="logged_models")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    model_type = models.CharField(max_length=500, blank=True, default="")
    status = models.CharField(max_length=32, default="LOGGED_MODEL_PENDING")
    tags = models.JSONField(default=dict)
    params = models.JSONField(default=dict)
    lifecycle_stage = models.CharField(max_length=8, choices=Lifecycle.choices, default=Lifecycle.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name
