"""Rows of the registry, one file per idea."""

from registry.models import lookups  # noqa: F401 - registers LIKE
from registry.models.approvals import ApprovalRequest, Check, Comment, CommentRevision, Decision, RequestRule
from registry.models.artifacts import Blob, Manifest, ManifestFile, StoredFile, Upload, UploadPart
from registry.models.cards import CardState, ModelCard
from registry.models.delegations import Delegation
from registry.models.facts import VersionFact
from registry.models.glass import BrokenGlass
from registry.models.holds import Hold
from registry.models.imports import Imported
from registry.models.policies import Policy, PolicyState, PolicyVersion
from registry.models.registered import (
    MetricThreshold,
    ModelTag,
    RegisteredModel,
    RegisteredModelGroupPermission,
    RegisteredModelUserPermission,
)
from registry.models.tracking import Experiment, LoggedModel, Metric, Param, Run, RunInput, RunOutput, RunTag
from registry.models.versions import Alias, Annotation, ModelVersion, VersionTag, VersionValue

__all__ = [
    "Alias", "Annotation", "ApprovalRequest", "Blob", "BrokenGlass", "CardState", "Check", "Comment", "CommentRevision",
    "Decision", "Delegation", "Experiment", "Hold", "Imported", "LoggedModel", "Manifest", "ManifestFile", "Metric",
    "MetricThreshold", "ModelCard", "ModelTag", "ModelVersion", "Param", "Policy", "PolicyState", "PolicyVersion",
    "RegisteredModel", "RegisteredModelGroupPermission", "RegisteredModelUserPermission", "RequestRule", "Run",
    "RunInput", "RunOutput", "RunTag", "StoredFile", "Upload", "UploadPart", "VersionFact", "VersionTag",
    "VersionValue",
]  # fmt: skip
