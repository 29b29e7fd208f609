"""What own REST sends and takes of moves and approval requests."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry import checks, conditions, subjects, weakening
from registry.models import ApprovalRequest, Decision
from registry.models.approvals import ALL, RequestState
from registry.stages import Stage
from web.rest.one_of import OneOf


class SubjectDigest(serializers.RegexField):
    """The SHA-256 of a subject in hex; `sha256:` before it, as other tools print it, may stay."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^(sha256:)?[0-9a-f]{64}$", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the digest alone."""
        return str(super().to_internal_value(data)).removeprefix("sha256:")


class Move(serializers.Serializer[Any]):
    """A move of one version: to a stage, or to an alias."""

    model = serializers.CharField(max_length=300)
    version = serializers.IntegerField(min_value=1, max_value=2_000_000_000)
    stage = OneOf(choices=list(Stage), required=False)
    archive_existing = serializers.BooleanField(default=False)
    alias = serializers.CharField(required=False, max_length=255)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """Exactly one goal."""
        if ("stage" in attrs) == ("alias" in attrs):
            raise serializers.ValidationError("Give either stage or alias.")
        return attrs


class NewRequest(Move):
    """A move to ask for; with `endpoint` and `plan`, one signature over the deployment too.

    A deployment without a stage is with the move to Production there, and alone in staging.
    """

    endpoint = serializers.CharField(required=False, max_length=63)
    plan = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """A plan goes with an endpoint, and a deployment with no alias."""
        if ("endpoint" in attrs) != ("plan" in attrs) or {"endpoint", "alias"} <= attrs.keys():
            raise serializers.ValidationError("A deployment is asked for with endpoint and plan, and no alias.")
        return attrs if "endpoint" in attrs else super().validate(attrs)


class CheckShape(serializers.Serializer[Any]):
    """A fact of a request."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # same
    expected = serializers.CharField()
    measured = serializers.CharField()
    why = serializers.CharField()


class ConditionShape(serializers.Serializer[Any]):
    """Something the policy asks for beside checks: a rule of N from a group, a wait, a freeze; and how it stands."""

    name = serializers.CharField()
    status = serializers.CharField()
    people = serializers.ListField(child=serializers.CharField())
    why = serializers.CharField()


class WeakeningShape(serializers.Serializer[Any]):
    """Something of the model that asks for less than before, and who did it."""

    event = serializers.CharField(help_text="A decision names it in `weakened`.")
    person = serializers.CharField(source="who")
    words = serializers.CharField()
    at = serializers.DateTimeField()


class DecisionShape(serializers.Serializer[Any]):
    """A decision taken."""

    person = serializers.CharField(source="person.username")
    verdict = OneOf(choices=Decision.Verdict.choices)
    comment = serializers.CharField()
    subject_digest = serializers.CharField()
    up_to_pct = serializers.IntegerField(help_text="An approval is for the shares of the requests up to this one.")
    for_person = serializers.CharField(source="for_person.username", default=None, allow_null=True)
    via = serializers.CharField()
    at = serializers.DateTimeField()


class NewComment(serializers.Serializer[Any]):
    """Words for the discussion."""

    body = serializers.CharField(max_length=10_000)


class CommentShape(NewComment):
    """A contribution to the discussion."""

    id = serializers.IntegerField()
    author = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)


class GlassShape(serializers.Serializer[Any]):
    """One person's word instead of approvals: why, what it overrode, until when, and the review that followed."""

    person = serializers.CharField(source="person.username")
    reason = serializers.CharField()
    overridden = serializers.ListField(child=serializers.CharField())
    opened_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reviewed_by = serializers.CharField(source="reviewed_by.username", default=None, allow_null=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    review = serializers.CharField()


class Glass(serializers.Serializer[Any]):
    """An emergency: why exactly this digest is let through."""

    subject_digest = SubjectDigest()
    reason = serializers.CharField(max_length=10_000)


class Request(serializers.Serializer[Any]):
    """An approval request; `subject` is what exactly is approved, `subject_digest` its SHA-256."""

    id = serializers.IntegerField()
    model = serializers.CharField(source="model.name")
    version = serializers.IntegerField(source="version.version")
    state = OneOf(choices=RequestState.choices)
    requester = serializers.CharField(source="requester.username")
    reason = serializers.CharField()
    subject = serializers.SerializerMethodField()
    subject_digest = serializers.CharField()
    approvals_needed = serializers.IntegerField()
    approved_up_to_pct = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True, help_text="By when a policy asks for the decision.")
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_why = serializers.CharField(help_text="Why it was withdrawn, expired or superseded, in words.")
    checks = serializers.SerializerMethodField()
    conditions = serializers.SerializerMethodField()
    weakened = serializers.SerializerMethodField()
    glass = GlassShape(default=None, allow_null=True)
    decisions = DecisionShape(many=True)
    comments = CommentShape(many=True)

    @extend_schema_field(serializers.JSONField)
    def get_subject(self, request: ApprovalRequest) -> dict[str, object]:
        """The document that was digested."""
        return subjects.document(request)

    def get_approved_up_to_pct(self, request: ApprovalRequest) -> int:
        """Up to which share of the requests it is approved: 0 before, 100 where nobody limited it."""
        let_through = {RequestState.APPROVED, RequestState.EXECUTED}
        return request.ceiling_pct if request.state in let_through else 0

    @extend_schema_field(CheckShape(many=True))
    def get_checks(self, request: ApprovalRequest) -> object:
        """Return the checks as they stand now."""
        return CheckShape(checks.as_of_now(request), many=True).data

    @extend_schema_field(ConditionShape(many=True))
    def get_conditions(self, request: ApprovalRequest) -> object:
        """Return what else is asked for."""
        return ConditionShape(conditions.conditions_of(request), many=True).data

    @extend_schema_field(WeakeningShape(many=True))
    def get_weakened(self, request: ApprovalRequest) -> object:
        """Return what asks for less than before and stands; nothing of a request that is over."""
        known: dict[str, list[weakening.Weakening]] = self.context.get("weakened", {})
        key = str(request.model.uuid)
        standing = known[key] if key in known else weakening.of(request.model)
        return WeakeningShape([] if request.ended_at else standing, many=True).data


class NewDecision(serializers.Serializer[Any]):
    """A word on one digest. `accepted` lists the ids of warnings accepted.

    `weakened` lists the events of what asks for less than before, as the request shows it: an approval that names one
    lets whoever did it decide again.
    """

    verdict = OneOf(choices=Decision.Verdict.choices)
    subject_digest = SubjectDigest()
    comment = serializers.CharField(max_length=10_000)
    accepted = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)
    weakened = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    up_to_pct = serializers.IntegerField(
        required=False, default=ALL, min_value=1, max_value=ALL, help_text="Of an approval: a share of the plan."
    )


class Outcome(serializers.Serializer[Any]):
    """What a move came to: `moved`, or the request that waits."""

    moved = serializers.BooleanField()
    archived = serializers.ListField(child=serializers.IntegerField())
    request = Request(allow_null=True)
