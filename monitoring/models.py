"""Rows of what was observed. They lie in a database of their own, so they name other things by id and hold no keys."""

from django.db import models
from django.utils import timezone


class Prediction(models.Model):
    """One request to an endpoint: the router's line and the model's record, joined by request id, whichever came first.

    `counted` is None until it is known whether it counts in a verdict; then it has been told to the watch, once.
    """

    endpoint = models.CharField(max_length=63)
    request_id = models.CharField(max_length=128)
    at = models.DateTimeField()
    # The router's line
    routed = models.BooleanField(default=False)
    rollout = models.CharField(max_length=64, blank=True, default="")
    step = models.CharField(max_length=64, blank=True, default="")
    track = models.CharField(max_length=8, blank=True, default="")
    share = models.PositiveIntegerField(default=0)  # of 10,000
    unit = models.CharField(max_length=64, blank=True, default="")
    status = models.PositiveSmallIntegerField(default=0)
    latency_ms = models.FloatField(null=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    # The model's record
    answered = models.BooleanField(default=False)
    model = models.CharField(max_length=256, blank=True, default="")
    version = models.CharField(max_length=20, blank=True, default="")
    digest = models.CharField(max_length=64, blank=True, default="")
    rows = models.PositiveIntegerField(null=True)
    prediction = models.JSONField(null=True)
    score = models.JSONField(null=True)  # the chance of the positive class, of several rows a list
    # What came of it
    drawn = models.BooleanField(default=False)  # its track is in the watch's split, in the router's order
    counted = models.BooleanField(null=True)
    why_not = models.CharField(max_length=40, blank=True, default="")
    slow = models.BooleanField(null=True)  # by the live version's quantile of that moment
    correct = models.BooleanField(null=True)
    worth = models.FloatField(null=True)  # to the business, more is better; the first word counts in a verdict
    labelled_at = models.DateTimeField(null=True)

    class Meta:
        """One row a request."""

        constraints = [models.UniqueConstraint(fields=["endpoint", "request_id"], name="prediction_once")]
        indexes = [
            models.Index(fields=["endpoint", "at"], name="prediction_at"),
            models.Index(fields=["rollout", "unit"], name="prediction_unit"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} at {self.endpoint}"


class Label(models.Model):
    """What was true. A later word on the same request is another revision; the earlier ones stay."""

    endpoint = models.CharField(max_length=63)
    request_id = models.CharField(max_length=128)
    revision = models.PositiveSmallIntegerField(default=1)
    value = models.JSONField(null=True)  # what was true; None where only its worth was told
    worth = models.FloatField(null=True)
    at = models.DateTimeField(null=True)  # since when it was true, where that was said
    segment = models.CharField(max_length=64, blank=True, default="")  # of the callers, as who gave it knows them
    received_at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=150)

    class Meta:
        """One row a revision."""

        constraints = [
            models.UniqueConstraint(fields=["endpoint", "request_id", "revision"], name="label_once_per_revision")
        ]

    def __str__(self) -> str:
        return f"{self.request_id} at {self.endpoint}, revision {self.revision}"


class UnitNumber(models.Model):
    """A number of the business for one unit of a rollout, before the rollout where it is known, and since.

    A unit stands under the name it has in the rollout's log. A later word is another revision; the earlier ones stay.
    """

    rollout = models.CharField(max_length=64)
    kpi = models.CharField(max_length=64)
    unit = models.CharField(max_length=64)
    revision = models.PositiveSmallIntegerField(default=1)
    before = models.FloatField(null=True)
    since = models.FloatField()
    received_at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=150)

    class Meta:
        """One row a revision."""

        constraints = [
            models.UniqueConstraint(fields=["rollout", "kpi", "unit", "revision"], name="unit_number_once_per_revision")
        ]

    def __str__(self) -> str:
        return f"{self.kpi} of {self.unit}, revision {self.revision}"


class LabelFile(models.Model):
    """A file of labels that somebody uploaded, and what became of its rows; `fault`: why it was not read to its end."""

    endpoint = models.CharField(max_length=63)
    name = models.CharField(max_length=250)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    rows = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    revised = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)  # of those new or revised
    refused = models.PositiveIntegerField(default=0)
    refusals = models.JSONField(default=list)  # [line, request id, why] of the first refused
    fault = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        """Read by endpoint, newest first."""

        indexes = [models.Index(fields=["endpoint", "id"], name="label_file_endpoint")]

    def __str__(self) -> str:
        return f"{self.name} for {self.endpoint}"

    @property
    def counted(self) -> int:
        """How many rows said something new."""
        return self.new + self.revised


class Copy(models.Model):
    """What a version answered to a copy of a request, which nobody was given, beside what the caller got.

    `compared` is None until the caller's answer is known, then whether there was one; `alike` and `apart` (the largest
    difference of numbers) are of two answers, `scores_apart` of their scores where both were told.
    """

    endpoint = models.CharField(max_length=63)
    request_id = models.CharField(max_length=128)
    at = models.DateTimeField()
    rollout = models.CharField(max_length=64, blank=True, default="")
    version = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    latency_ms = models.FloatField(null=True)
    prediction = models.JSONField(null=True)
    compared = models.BooleanField(null=True)
    alike = models.BooleanField(null=True)
    apart = models.FloatField(null=True)
    score = models.JSONField(null=True)
    scores_apart = models.FloatField(null=True)

    class Meta:
        """One row a copy."""

        verbose_name_plural = "copies"
        constraints = [models.UniqueConstraint(fields=["endpoint", "request_id"], name="copy_once")]
        indexes = [
            models.Index(fields=["endpoint", "compared"], name="copy_waits"),
            models.Index(fields=["rollout", "compared"], name="copy_rollout"),
        ]

    def __str__(self) -> str:
        return f"copy of {self.request_id} at {self.endpoint}"


class Complete(models.Model):
    """Up to when all evidence is here: what was asked later may still lie in files or in the stream.

    One row without an endpoint, and one for each endpoint of which less is here.
    """

    endpoint = models.CharField(max_length=63, blank=True, default="", unique=True)
    at = models.DateTimeField()

    class Meta:
        """In words."""

        verbose_name_plural = "complete"

    def __str__(self) -> str:
        return f"{self.endpoint or 'all'}: complete up to {self.at}"


class Watch(models.Model):
    """A rollout that is judged. Tally, verdict and the last entry they rest on change in one transaction."""

    rollout = models.CharField(max_length=64, unique=True)
    endpoint = models.CharField(max_length=63)
    rules = models.JSONField()
    tally = models.JSONField()
    step = models.CharField(max_length=64, blank=True, default="")
    last_entry = models.CharField(max_length=40, blank=True, default="")
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """In words."""

        verbose_name_plural = "watches"

    def __str__(self) -> str:
        return f"watch on {self.rollout}"


class DeadLetter(models.Model):
    """An entry of the stream that is not what it should be, kept so that somebody can see why."""

    entry = models.CharField(max_length=40, unique=True)
    body = models.CharField(max_length=2000)
    why = models.CharField(max_length=500)
    at = models.DateTimeField(default=timezone.now)
    # Where it tells of records that were not carried: who wrote them, and how many they were
    endpoint = models.CharField(max_length=63, blank=True, default="")
    replica = models.CharField(max_length=63, blank=True, default="")
    lines = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.entry}: {self.why}"


class OpenWindow(models.Model):
    """A minute of an endpoint in which something was observed that no snapshot tells of yet."""

    endpoint = models.CharField(max_length=63)
    minute = models.PositiveIntegerField()  # since 1970
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row a window."""

        constraints = [models.UniqueConstraint(fields=["endpoint", "minute"], name="window_open_once")]

    def __str__(self) -> str:
        return f"{self.endpoint}, minute {self.minute}"


class Snapshot(models.Model):
    """What one track of an endpoint did in one minute. None is what was not measured, never zero.

    Whatever comes late changes its own minute only, which then has another revision.
    """

    endpoint = models.CharField(max_length=63)
    minute = models.PositiveIntegerField()  # since 1970: buckets are whole divisions of it
    rollout = models.CharField(max_length=64, blank=True, default="")
    version = models.CharField(max_length=20, blank=True, default="")
    track = models.CharField(max_length=8)
    requests = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    p50_ms = models.FloatField(null=True)
    p95_ms = models.FloatField(null=True)
    p99_ms = models.FloatField(null=True)
    labelled = models.PositiveIntegerField(default=0)
    correct = models.PositiveIntegerField(default=0)
    valued = models.PositiveIntegerField(default=0)
    worth = models.FloatField(default=0.0)  # of all that were valued
    cpu_s = models.FloatField(null=True)
    memory_mb = models.FloatField(null=True)
    replicas = models.PositiveSmallIntegerField(null=True)
    revision = models.PositiveSmallIntegerField(default=1)
    closed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row a window, rollout, version and track."""

        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "minute", "track", "version", "rollout"], name="snapshot_once_per_window"
            )
        ]

    def __str__(self) -> str:
        return f"{self.track} of {self.endpoint}, minute {self.minute}"

    @property
    def coverage(self) -> float | None:
        """How many of the predictions have a label, from 0 to 1; None where nothing was predicted."""
        predicted = self.requests - self.errors
        return self.labelled / predicted if predicted else None


class OpenHour(models.Model):
    """An hour of an endpoint in which a minute changed that no row of `Hour` tells of yet."""

    endpoint = models.CharField(max_length=63)
    hour = models.PositiveIntegerField()  # since 1970
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row an hour."""

        constraints = [models.UniqueConstraint(fields=["endpoint", "hour"], name="hour_open_once")]

    def __str__(self) -> str:
        return f"{self.endpoint}, hour {self.hour}"


class Hour(models.Model):
    """One metric of one line in one hour: its lowest and its highest minute, and all together as `total` by `of`.

    The stable track is one line whatever version it is; of the others each version is one.
    """

    endpoint = models.CharField(max_length=63)
    hour = models.PositiveIntegerField()  # since 1970
    track = models.CharField(max_length=8)
    version = models.CharField(max_length=20, blank=True, default="")
    metric = models.CharField(max_length=16)
    low = models.FloatField()
    high = models.FloatField()
    total = models.FloatField(null=True)
    of = models.FloatField(null=True)

    class Meta:
        """One row a metric and line, read by metric and span."""

        verbose_name_plural = "hours"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "metric", "hour", "track", "version"], name="hour_once")
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.endpoint}, {self.track}, hour {self.hour}"


class OpenOutcome(models.Model):
    """An hour of an endpoint in which a prediction or a label came that no row of `Outcome` tells of yet."""

    endpoint = models.CharField(max_length=63)
    hour = models.PositiveIntegerField()  # since 1970
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row an hour."""

        constraints = [models.UniqueConstraint(fields=["endpoint", "hour"], name="outcome_open_once")]

    def __str__(self) -> str:
        return f"{self.endpoint}, hour {self.hour}"


class Outcome(models.Model):
    """What labels say of one version on one track in one hour, or one day: counts that add up."""

    endpoint = models.CharField(max_length=63)
    hour = models.PositiveIntegerField()  # the first, since 1970
    hours = models.PositiveSmallIntegerField()  # 1 or 24
    version = models.CharField(max_length=20, blank=True, default="")
    track = models.CharField(max_length=8)
    told = models.BinaryField()  # monitoring.stats.told.Told

    class Meta:
        """One row a window, version and track."""

        constraints = [
            models.UniqueConstraint(fields=["endpoint", "hours", "hour", "track", "version"], name="outcome_once")
        ]

    def __str__(self) -> str:
        return f"{self.track} v{self.version} of {self.endpoint}, {self.hours} h from {self.hour}"


class Usage(models.Model):
    """What one replica's processes had used at one moment: CPU time since they began, and memory."""

    endpoint = models.CharField(max_length=63)
    rollout = models.CharField(max_length=64)
    version = models.CharField(max_length=20)
    track = models.CharField(max_length=8)
    life = models.CharField(max_length=40)  # pid and start: another life begins at zero again
    at = models.DateTimeField()
    cpu_s = models.FloatField()
    memory_mb = models.FloatField()

    class Meta:
        """Read by window."""

        indexes = [models.Index(fields=["endpoint", "at"], name="usage_at")]

    def __str__(self) -> str:
        return f"{self.life} of {self.endpoint}"


class FeatureSample(models.Model):
    """Values that a model was asked with, until they are counted: those of features without a reference, until then."""

    endpoint = models.CharField(max_length=63)
    version = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)  # of the version's files, where a reference may lie
    at = models.DateTimeField()
    of = models.PositiveIntegerField()  # rows that were answered
    chosen = models.PositiveIntegerField(default=0)  # of those, the policy's share: these were drawn from them. 0: all
    rows = models.PositiveIntegerField()
    columns = models.JSONField()  # values by feature
    waits = models.BooleanField(default=False)  # counted already, but for features that have no reference yet

    class Meta:
        """Read by version, oldest first."""

        indexes = [models.Index(fields=["endpoint", "version", "waits", "id"], name="sample_waits")]

    def __str__(self) -> str:
        return f"{self.rows} rows of {self.endpoint}, version {self.version}"


class Feature(models.Model):
    """One feature of a version at an endpoint: its reference, and what its days said, which change together."""

    class Source(models.TextChoices):
        """Where a reference is from."""

        TRAINING = "training", "training sample"
        TRAFFIC = "traffic", "first rows"

    endpoint = models.CharField(max_length=63)
    version = models.CharField(max_length=20)
    name = models.CharField(max_length=250)
    source = models.CharField(max_length=8, choices=Source.choices)
    digest = models.CharField(max_length=64)  # of the reference, which never changes
    pinned_at = models.DateTimeField(default=timezone.now)
    reference = models.BinaryField()  # monitoring.stats.profiles.Baseline
    # The days so far
    last_day = models.PositiveIntegerField(default=0)  # since 1970; those up to it are judged
    watches = models.JSONField(default=dict)  # evidence by signal
    alarm_since = models.DateField(null=True)
    told_since = models.DateField(null=True)  # the alarm that the ledger knows of
    seen_since = models.DateField(null=True)  # the alarm that somebody looked at, who, and what she said of it
    seen_by = models.CharField(max_length=150, blank=True, default="")
    seen_comment = models.TextField(blank=True, default="")
    signal = models.CharField(max_length=20, blank=True, default="")  # which was furthest on the last day
    distance = models.FloatField(null=True)

    class Meta:
        """One row a feature."""

        constraints = [models.UniqueConstraint(fields=["endpoint", "version", "name"], name="feature_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.endpoint}, version {self.version}"

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody looked at the alarm that there is."""
        return self.alarm_since is not None and self.seen_since == self.alarm_since


class Opinion(models.Model):
    """What a detector that somebody plugged in says of the newest day of a feature that it was asked about."""

    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="opinions")
    detector = models.CharField(max_length=250)
    day = models.PositiveIntegerField()  # since 1970
    drifted = models.BooleanField(null=True)  # None where it did not say
    score = models.FloatField(null=True)
    note = models.CharField(max_length=500, blank=True, default="")
    fault = models.CharField(max_length=500, blank=True, default="")  # why it did not say

    class Meta:
        """One row a detector."""

        constraints = [models.UniqueConstraint(fields=["feature", "detector"], name="opinion_once")]

    def __str__(self) -> str:
        return f"{self.detector} of feature {self.feature_id}, day {self.day}"


class FeatureHour(models.Model):
    """What was counted of a feature in an hour, in the cells of its reference. Hours of a feature add up."""

    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="hours")
    hour = models.PositiveIntegerField()  # since 1970
    rows = models.PositiveIntegerField()
    of = models.PositiveBigIntegerField()  # rows that they were drawn from
    window = models.BinaryField()  # monitoring.stats.profiles.Window

    class Meta:
        """One row an hour."""

        constraints = [models.UniqueConstraint(fields=["feature", "hour"], name="feature_hour_once")]

    def __str__(self) -> str:
        return f"{self.rows} rows of feature {self.feature_id}, hour {self.hour}"


class FeatureDay(models.Model):
    """How far a feature was from its reference on a day that was judged."""

    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="days")
    day = models.PositiveIntegerField()  # since 1970
    rows = models.PositiveIntegerField()
    signal = models.CharField(max_length=20)
    distance = models.FloatField()

    class Meta:
        """One row a day."""

        constraints = [models.UniqueConstraint(fields=["feature", "day"], name="feature_day_once")]

    def __str__(self) -> str:
        return f"{self.distance:.3f} of feature {self.feature_id}, day {self.day}"
