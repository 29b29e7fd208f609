"""Rows of the registry, one file per idea."""

from registry.models import lookups  # noqa: F401 - registers LIKE
from registry.models.approvals import ApprovalRequest, Check, Comment, CommentRevision, Decision
from registry.models.artifacts import Blob, Manifest, ManifestFile, StoredFile
from registry.models.holds import Hold
from registry.models.registered import (
    MetricThreshold,
    ModelTag,
    RegisteredModel,
    RegisteredModelGroupPermission,
    RegisteredModelUserPermission,
)
from registry.models.tracking import Experiment, LoggedModel, Metric, Param, Run, RunInput, RunOutput, RunTag
from registry.models.versions import Alias, Annotation, ModelVersion, VersionTag

__all__ = [
    "Alias", "Annotation", "ApprovalRequest", "Blob", "Check", "Comment", "CommentRevision", "Decision", "Experiment",
    "Hold", "LoggedModel", "Manifest", "ManifestFile", "Metric", "MetricThreshold", "ModelTag", "ModelVersion", "Param",
    "RegisteredModel", "RegisteredModelGroupPermission", "RegisteredModelUserPermission", "Run", "RunInput",
    "RunOutput", "RunTag", "StoredFile", "VersionTag",
]  # fmt: skip
