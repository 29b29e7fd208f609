"""Model versions, their aliases, tags and annotations."""

from functools import cached_property
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models.functions import Left
from django.utils import timezone

from accounts.permissions import Permission
from registry import contributors
from registry.models.artifacts import Manifest
from registry.models.registered import RegisteredModel, readable_by
from registry.stages import Stage

if TYPE_CHECKING:
    from accounts.actors import Actor
    from accounts.models import User

TAG_START = 64  # characters


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Reads of versions."""

    def live(self) -> "ModelVersionQuerySet":
        """Versions that were not deleted, of models that were not."""
        return self.filter(deleted_at=None, model__deleted_at=None)

    def visible_to(self, actor: "Actor") -> "ModelVersionQuerySet":
        """Live versions of models the actor may read."""
        return self.live().filter(readable_by(actor, "model__")) if actor.holds(Permission.MODEL_READ) else self.none()

    def latest_by_stage(self) -> "ModelVersionQuerySet":
        """The highest version of each stage of each model."""
        higher = ModelVersion.objects.live().filter(
            model=models.OuterRef("model"), stage=models.OuterRef("stage"), version__gt=models.OuterRef("version")
        )
        return self.filter(~models.Exists(higher))


class ModelVersion(models.Model):
    """Version `version` of a model. Its identity is the model's uuid and the number; its bytes are `manifest`."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    semver = models.CharField(max_length=64, blank=True, default="")
    stage = models.CharField(max_length=10, choices=[(s, s) for s in Stage], default=Stage.NONE)
    status = models.CharField(max_length=24, default="READY")
    status_message = models.CharField(max_length=500, blank=True, default="")
    description = models.TextField(blank=True, default="")
    source = models.CharField(max_length=2000)
    location = models.CharField(max_length=2000, blank=True, default="")  # of a copy's files, where they are elsewhere
    run_id = models.CharField(max_length=64, blank=True, default="", db_index=True)
    run_link = models.CharField(max_length=500, blank=True, default="")
    logged_model_id = models.CharField(max_length=64, blank=True, default="", db_index=True)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="registered_versions"
    )
    run_author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    manifest = models.ForeignKey(Manifest, on_delete=models.PROTECT, null=True, related_name="versions")
    frozen_root = models.CharField(max_length=300, blank=True, default="", db_index=True)
    frozen_path = models.CharField(max_length=1000, blank=True, default="")
    framework = models.CharField(max_length=64, blank=True, default="")
    signature = models.JSONField(default=dict)
    environment = models.JSONField(default=dict)
    evidence = models.BinaryField(default=b"{}")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        """Numbers are never used twice within a model, deleted versions included."""

        constraints = [
            models.UniqueConstraint(fields=["model", "version"], name="version_once"),
            models.UniqueConstraint(fields=["model", "semver"], condition=~models.Q(semver=""), name="semver_once"),
        ]
        indexes = [
            models.Index(fields=["-updated_at", "model", "-version"], name="version_updated"),
            models.Index(fields=["model", "-updated_at", "-version"], name="version_model_updated"),
            models.Index(fields=["model", "stage", "-version"], name="version_stage"),
            models.Index(fields=["stage", "-updated_at"], name="version_stage_updated"),
            models.Index(fields=["framework", "-updated_at"], name="version_framework"),
            models.Index(fields=["-created_at"], name="version_created"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} version {self.version}"

    @cached_property
    def makers(self) -> frozenset[int]:
        """Who registered or trained it, wrote into what it came from, or made what it is a copy of: by key.

        It is a copy of a version before it with the same files.
        """
        people, runs, logged = {self.registered_by_id, self.run_author_id}, {self.run_id}, {self.logged_model_id}
        is_copy = self.manifest_id and getattr(self, "copied", True)  # whoever looked already says so
        if is_copy:
            before = ModelVersion.objects.filter(manifest=self.manifest_id, pk__lt=self.pk)
            for *makers, run, model in before.values_list("registered_by", "run_author", "run_id", "logged_model_id"):
                people.update(makers)
                runs.add(run)
                logged.add(model)
        if is_copy or getattr(self, "written_into", True):
            people |= contributors.of(runs, logged, until=self.created_at)
        return frozenset(one for one in people if one)

    @property
    def verified(self) -> bool:
        """Whether Signoff holds the bytes; an unverified version is never approvable or deployable."""
        return self.manifest_id is not None


def copied() -> models.Exists:
    """Return whether a row's `version` has the files of one before it; for queries that read its makers after."""
    files, key = models.OuterRef("version__manifest"), models.OuterRef("version")
    return models.Exists(ModelVersion.objects.filter(manifest=files, pk__lt=key))


def made_by(person: "User | None", version: str = "version") -> models.Exists:
    """Return whether `person` is among the makers of a row's `version`; for queries, as `ModelVersion.makers`."""
    key, files = models.OuterRef(version), models.OuterRef(f"{version}__manifest")
    before = models.Q(pk=key) | models.Q(manifest=files, pk__lt=key)
    hers = models.Q(registered_by=person) | models.Q(run_author=person)
    hers |= contributors.are_any(actor_id=person.pk if person else None)
    return models.Exists(ModelVersion.objects.filter(before, hers))


class VersionTag(models.Model):
    """A key and value on a version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True, default="")
    start = models.GeneratedField(  # of a value, to be found by: an index takes no long ones
        expression=Left("value", TAG_START), output_field=models.CharField(max_length=TAG_START), db_persist=True
    )

    class Meta:
        """A key stands once."""

        constraints = [models.UniqueConstraint(fields=["version", "key"], name="version_tag_once")]
        indexes = [models.Index(fields=["key", "start", "version"], name="version_tag_start")]
        ordering = ("key",)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class VersionValue(models.Model):
    """A param or metric of the evidence, to be searched by. `number` is a metric's, none for NaN and infinities."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="values")
    kind = models.CharField(max_length=6, choices=[("param", "Param"), ("metric", "Metric")])
    key = models.CharField(max_length=250)
    number = models.FloatField(null=True)
    text = models.CharField(max_length=250, blank=True, default="")

    class Meta:
        """A key stands once; both look-ups have an index."""

        constraints = [models.UniqueConstraint(fields=["version", "kind", "key"], name="version_value_once")]
        indexes = [
            models.Index(fields=["kind", "key", "number", "version"], name="version_value_number"),
            models.Index(fields=["kind", "key", "text", "version"], name="version_value_text"),
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.text}"


class Alias(models.Model):
    """A name that points at one version of a model."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=255)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        """An alias stands once in a model."""

        constraints = [models.UniqueConstraint(fields=["model", "name"], name="alias_once")]
        ordering = ("name",)

    def __str__(self) -> str:
        return f"@{self.name}"


class Annotation(models.Model):
    """Documentation someone added to a version: training data, limits, a note. Never changed, only added to."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="annotations")
    title = models.CharField(max_length=120)
    body = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Oldest first, as one reads."""

        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return self.title
