"""What own REST sends and takes of policies."""

from typing import Any

from rest_framework import serializers

from core.strict_yaml import SIZE_MAX
from registry.models import PolicyState
from web.rest.one_of import OneOf


class VersionShape(serializers.Serializer[Any]):
    """A text of a policy; `digest` is its SHA-256."""

    policy = serializers.CharField(source="policy.name")
    number = serializers.IntegerField()
    state = OneOf(choices=PolicyState.choices)
    digest = serializers.CharField()
    text = serializers.CharField()
    author = serializers.CharField(source="author.username")
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    comment = serializers.CharField()


class PolicyShape(serializers.Serializer[Any]):
    """A policy."""

    name = serializers.CharField()
    versions = VersionShape(many=True)


class NewVersion(serializers.Serializer[Any]):
    """A text to be accepted by somebody else."""

    text = serializers.CharField(max_length=SIZE_MAX, trim_whitespace=False)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")
    validate_only = serializers.BooleanField(default=False)


class ProblemShape(serializers.Serializer[Any]):
    """What is wrong in a text, and where."""

    line = serializers.IntegerField()
    column = serializers.IntegerField()
    message = serializers.CharField()


class Put(serializers.Serializer[Any]):
    """The version that says what was put; null where it was only validated."""

    version = VersionShape(allow_null=True)
    problems = ProblemShape(many=True)


class OutcomeShape(serializers.Serializer[Any]):
    """A request, and what would have been different for it."""

    request = serializers.IntegerField(source="request.pk")
    model = serializers.CharField(source="request.model.name")
    version = serializers.IntegerField(source="request.version.version")
    state = serializers.CharField(source="request.state")
    differences = serializers.ListField(child=serializers.CharField(), source="sentences")


class Words(serializers.Serializer[Any]):
    """Why."""

    comment = serializers.CharField(max_length=10_000)


class Acceptance(Words):
    """A yes to exactly one text."""

    digest = serializers.RegexField(r"^[0-9a-f]{64}$")
