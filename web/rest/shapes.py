"""What own REST sends and takes, as serializers: OpenAPI is made from them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.permissions import Scope
from registry import subjects
from registry.models import ApprovalRequest, Decision, MetricThreshold
from registry.models.approvals import RequestState
from registry.models.registered import RiskTier
from registry.stages import Stage


class Refused(serializers.Serializer[Any]):
    """A refusal: what happened and what to do."""

    error = serializers.CharField()
    message = serializers.CharField()
    next_step = serializers.CharField(required=False)
    field = serializers.CharField(required=False)


class Me(serializers.Serializer[Any]):
    """Who the token stands for."""

    name = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(Scope)))
    permissions = serializers.ListField(child=serializers.CharField())


class AliasShape(serializers.Serializer[Any]):
    """An alias and the number it points at."""

    name = serializers.CharField()
    version = serializers.IntegerField(source="version.version")


class TagShape(serializers.Serializer[Any]):
    """A tag."""

    key = serializers.CharField()
    value = serializers.CharField()


class ThresholdShape(serializers.ModelSerializer[MetricThreshold]):
    """A threshold a version must pass before Production."""

    class Meta:
        model = MetricThreshold
        fields = ("id", "metric", "comparison", "value", "required")


class Model(serializers.Serializer[Any]):
    """A registered model."""

    name = serializers.CharField()
    uuid = serializers.UUIDField()
    owner = serializers.CharField(source="owner.username")
    description = serializers.CharField()
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    restricted = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    aliases = AliasShape(many=True)
    tags = TagShape(many=True)
    thresholds = ThresholdShape(many=True)


class ModelChange(serializers.Serializer[Any]):
    """Fields to set; what is left out stays."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=20_000)
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices, required=False)
    restricted = serializers.BooleanField(required=False)


class NewModel(serializers.Serializer[Any]):
    """A model to create."""

    name = serializers.CharField(max_length=300)
    description = serializers.CharField(required=False, allow_blank=True, max_length=20_000, default="")


class AnnotationShape(serializers.Serializer[Any]):
    """Documentation added to a version."""

    title = serializers.CharField(max_length=120)
    body = serializers.CharField(max_length=20_000)
    author = serializers.CharField(source="author.username", read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class Version(serializers.Serializer[Any]):
    """A model version."""

    model = serializers.CharField(source="model.name")
    version = serializers.IntegerField()
    stage = serializers.ChoiceField(choices=list(Stage))
    status = serializers.CharField()
    verified = serializers.BooleanField()
    manifest = serializers.CharField(source="manifest.digest", default=None, allow_null=True)
    framework = serializers.CharField()
    signature = serializers.JSONField()
    environment = serializers.JSONField()
    description = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    run_id = serializers.CharField()
    registered_by = serializers.CharField(source="registered_by.username")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    annotations = AnnotationShape(many=True)


class LineShape(serializers.Serializer[Any]):
    """One row of a difference; null where a side does not have it."""

    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    changed = serializers.BooleanField()


class MetricLineShape(LineShape):
    """A metric on both sides, and which way it improves."""

    direction = serializers.CharField()
    change = serializers.FloatField(allow_null=True)
    word = serializers.CharField()


class SignatureDifferenceShape(serializers.Serializer[Any]):
    """What a caller of the old signature meets at the new one."""

    verdict = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())


class Comparison(serializers.Serializer[Any]):
    """The difference from one version to another."""

    old = serializers.IntegerField(source="old.version")
    new = serializers.IntegerField(source="new.version")
    identical = serializers.BooleanField()
    metrics = MetricLineShape(many=True)
    params = LineShape(many=True)
    files = LineShape(many=True)
    environment = LineShape(many=True)
    signature = SignatureDifferenceShape()


class SpanShape(serializers.Serializer[Any]):
    """A version held a stage or an @alias from `start` to `end` (null: still). `seq` is the event that says so.

    `approval` is the number of the request, or the word why there is none.
    """

    version = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    actor = serializers.CharField()
    comment = serializers.CharField()
    approval = serializers.JSONField(allow_null=True)
    seq = serializers.IntegerField(source="event.seq", allow_null=True)


class History(serializers.Serializer[Any]):
    """What a model's versions held, newest first; `held` is what held at `at` (null: now)."""

    spans = SpanShape(many=True)
    at = serializers.DateTimeField(allow_null=True)
    held = SpanShape(many=True)


class RunVersion(serializers.Serializer[Any]):
    """A version that was registered from a run."""

    model = serializers.CharField()
    version = serializers.IntegerField()
    stage = serializers.ChoiceField(choices=list(Stage))


class RunShape(serializers.Serializer[Any]):
    """A run as it stands now: newest metrics, parameters, tags, and what was registered from it."""

    run_id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    author = serializers.CharField()
    started = serializers.DateTimeField(allow_null=True)
    ended = serializers.DateTimeField(allow_null=True)
    metrics = serializers.DictField()
    params = serializers.DictField()
    tags = serializers.DictField()
    versions = RunVersion(many=True)


class Move(serializers.Serializer[Any]):
    """A move of one version: to a stage, or to an alias."""

    model = serializers.CharField(max_length=300)
    version = serializers.IntegerField(min_value=1, max_value=2_000_000_000)
    stage = serializers.ChoiceField(choices=list(Stage), required=False)
    archive_existing = serializers.BooleanField(default=False)
    alias = serializers.CharField(required=False, max_length=255)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=10_000, default="")

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        """Exactly one goal."""
        if ("stage" in attrs) == ("alias" in attrs):
            raise serializers.ValidationError("Give either stage or alias.")
        return attrs


class CheckShape(serializers.Serializer[Any]):
    """A fact of a request."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # same
    expected = serializers.CharField()
    measured = serializers.CharField()
    why = serializers.CharField()


class DecisionShape(serializers.Serializer[Any]):
    """A decision taken."""

    person = serializers.CharField(source="person.username")
    verdict = serializers.ChoiceField(choices=Decision.Verdict.choices)
    comment = serializers.CharField()
    subject_digest = serializers.CharField()
    via = serializers.CharField()
    at = serializers.DateTimeField()


class CommentShape(serializers.Serializer[Any]):
    """A contribution to the discussion."""

    id = serializers.IntegerField(read_only=True)
    author = serializers.CharField(source="author.username", read_only=True)
    body = serializers.CharField(max_length=10_000)
    created_at = serializers.DateTimeField(read_only=True)
    edited_at = serializers.DateTimeField(read_only=True)


class Request(serializers.Serializer[Any]):
    """An approval request; `subject` is what exactly is approved, `subject_digest` its SHA-256."""

    id = serializers.IntegerField()
    model = serializers.CharField(source="model.name")
    version = serializers.IntegerField(source="version.version")
    state = serializers.ChoiceField(choices=RequestState.choices)
    requester = serializers.CharField(source="requester.username")
    reason = serializers.CharField()
    subject = serializers.SerializerMethodField()
    subject_digest = serializers.CharField()
    approvals_needed = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    checks = CheckShape(many=True)
    decisions = DecisionShape(many=True)
    comments = CommentShape(many=True)

    @extend_schema_field(serializers.JSONField)
    def get_subject(self, request: ApprovalRequest) -> dict[str, object]:
        """The document that was digested."""
        return subjects.document(request)


class NewDecision(serializers.Serializer[Any]):
    """A yes or no to one digest. `accepted` lists the ids of warnings accepted."""

    verdict = serializers.ChoiceField(choices=Decision.Verdict.choices)
    subject_digest = serializers.RegexField(r"^[0-9a-f]{64}$")
    comment = serializers.CharField(max_length=10_000)
    accepted = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)


class Outcome(serializers.Serializer[Any]):
    """What a move came to: `moved`, or the request that waits."""

    moved = serializers.BooleanField()
    archived = serializers.ListField(child=serializers.IntegerField())
    request = Request(allow_null=True)


class EventShape(serializers.Serializer[Any]):
    """A ledger event; `body` is the sealed bytes as text, `leaf` = SHA-256(0x00 ‖ body)."""

    seq = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    via = serializers.CharField()
    action = serializers.CharField()
    outcome = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # same
    comment = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()
    facts = serializers.JSONField()
    leaf = serializers.CharField()
    body = serializers.CharField()


class EventPage(serializers.Serializer[Any]):
    """A page of events, newest first; pass `older` as `before` for the next."""

    events = EventShape(many=True)
    older = serializers.IntegerField(allow_null=True)


class Proof(serializers.Serializer[Any]):
    """That an event is in the tree a checkpoint signs (RFC 6962 inclusion path, hex, nearest sibling first)."""

    seq = serializers.IntegerField()
    body = serializers.CharField()
    leaf = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField()
    verifier_key = serializers.CharField()
