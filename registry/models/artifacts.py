"""Bytes by digest, the mutable paths clients write, and the immutable manifests registration makes of them."""

import uuid
from typing import TypeVar, cast

from django.conf import settings
from django.db import models
from django.db.models.functions import Left
from django.utils import timezone

Row = TypeVar("Row", bound=models.Model)


class Blob(models.Model):
    """A file's bytes, kept once under their SHA-256. The row exists only after the bytes are safely on disk."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.sha256


class PathQuerySet(models.QuerySet[Row]):
    """Reads of rows that have a `path`. Case counts everywhere: SQLite's LIKE, behind `startswith`, ignores it."""

    def below(self, folder: str) -> "PathQuerySet[Row]":
        """Rows inside `folder`; an empty one holds them all."""
        return self._headed(f"{folder}/").filter(head=f"{folder}/") if folder else self

    def at_or_below(self, path: str) -> "PathQuerySet[Row]":
        """The row at `path` and the rows inside it."""
        inside = models.Q(path=path) | models.Q(head=f"{path}/")
        return self._headed(f"{path}/").filter(inside) if path else self

    def _headed(self, prefix: str) -> "PathQuerySet[Row]":
        return cast("PathQuerySet[Row]", self.alias(head=Left("path", len(prefix))))


class StoredFile(models.Model):
    """What a client put at `root`/`path`; a later PUT replaces it, DELETE removes the row."""

    root = models.CharField(max_length=300)
    path = models.CharField(max_length=1000)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(default=timezone.now)

    objects = PathQuerySet.as_manager()

    class Meta:
        """A path stands once under its root."""

        constraints = [models.UniqueConstraint(fields=["root", "path"], name="stored_path_once")]

    def __str__(self) -> str:
        return f"{self.root}/{self.path}"


class Manifest(models.Model):
    """The files of a registered version, frozen: `digest` is the SHA-256 of `body`, a list of path, digest and size."""

    digest = models.CharField(max_length=64, unique=True)
    body = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.digest


class ManifestFile(models.Model):
    """One file of a manifest, for reading by path and to keep its blob from collection."""

    manifest = models.ForeignKey(Manifest, on_delete=models.PROTECT, related_name="files")
    path = models.CharField(max_length=1000)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    objects = PathQuerySet.as_manager()

    class Meta:
        """A path stands once in a manifest."""

        constraints = [models.UniqueConstraint(fields=["manifest", "path"], name="manifest_path_once")]
        ordering = ("path",)

    def __str__(self) -> str:
        return self.path


class Upload(models.Model):
    """A file that comes in parts. Nobody sees it before it is whole; one that is never finished goes after a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    root = models.CharField(max_length=300)
    path = models.CharField(max_length=1000)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    parts_wanted = models.PositiveIntegerField()
    done = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.root}/{self.path}"


class UploadPart(models.Model):
    """One part of it that has come; sent again, it replaces what came before."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        """A part stands once."""

        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="upload_part_once")]
        ordering = ("number",)

    def __str__(self) -> str:
        return f"part {self.number}"
