"""What own REST sends and takes, as serializers: OpenAPI is made from them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.permissions import Scope
from registry import cards, data_policy, lineage, numbering, outcome_values, protection
from registry.models import MetricThreshold, ModelVersion, RegisteredModel, VersionFact
from registry.models.registered import RiskTier
from registry.stages import Stage
from web.rest.one_of import OneOf


class Refused(serializers.Serializer[Any]):
    """A refusal: what happened and what to do; `field` or `fields` say where."""

    error = serializers.CharField()
    message = serializers.CharField()
    next_step = serializers.CharField(required=False, allow_blank=True)
    field = serializers.CharField(required=False)
    fields = serializers.DictField(required=False)  # type: ignore[assignment]  # the metaclass takes fields out


class Me(serializers.Serializer[Any]):
    """Who the token stands for."""

    name = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=OneOf(choices=list(Scope)))
    permissions = serializers.ListField(child=serializers.CharField())


class AliasShape(serializers.Serializer[Any]):
    """An alias and the number it points at."""

    name = serializers.CharField()
    version = serializers.IntegerField(source="version.version")


class TagShape(serializers.Serializer[Any]):
    """A tag."""

    key = serializers.CharField()
    value = serializers.CharField()


class NewThreshold(serializers.ModelSerializer[MetricThreshold]):
    """What a metric must reach before Production."""

    class Meta:
        model = MetricThreshold
        fields: tuple[str, ...] = ("metric", "comparison", "value", "required")


class ThresholdShape(NewThreshold):
    """A threshold a version must pass before Production."""

    class Meta(NewThreshold.Meta):
        fields = ("id", *NewThreshold.Meta.fields)


class ColumnName(serializers.CharField):
    """A column's name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=data_policy.LONGEST, trim_whitespace=False, **options)


class DataPolicyShape(serializers.Serializer[Any]):
    """What may be told of the values that callers send: of so many rows, and of which columns none or a digest."""

    share_pct = serializers.FloatField(min_value=0, max_value=data_policy.WHOLE, default=data_policy.WHOLE)
    dropped = serializers.ListField(child=ColumnName(), max_length=data_policy.MOST, default=list)
    hashed = serializers.ListField(child=ColumnName(), max_length=data_policy.MOST, default=list)


class OutcomeValueShape(serializers.Serializer[Any]):
    """What one outcome is worth to the business: of what was true and what was said."""

    truth = serializers.CharField(max_length=outcome_values.LONGEST, trim_whitespace=False)
    said = serializers.CharField(max_length=outcome_values.LONGEST, trim_whitespace=False)
    value = serializers.FloatField()


class Model(serializers.Serializer[Any]):
    """A registered model."""

    name = serializers.CharField()
    uuid = serializers.UUIDField()
    owner = serializers.CharField(source="owner.username")
    description = serializers.CharField()
    risk_tier = OneOf(choices=RiskTier.choices)
    restricted = serializers.BooleanField()
    strict_sources = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    aliases = AliasShape(many=True)
    tags = TagShape(many=True)
    thresholds = ThresholdShape(many=True)
    protected_aliases = serializers.SerializerMethodField()
    data_policy = serializers.SerializerMethodField()
    outcome_values = OutcomeValueShape(many=True, read_only=True)

    @extend_schema_field(DataPolicyShape)
    def get_data_policy(self, model: RegisteredModel) -> dict[str, Any]:
        """Return what may be told of the values that callers send."""
        return data_policy.policy_of(model).document

    def get_protected_aliases(self, model: RegisteredModel) -> list[str]:
        """Return the names whose move needs a signature."""
        return protection.protected(model)


class AliasProtection(serializers.Serializer[Any]):
    """An alias, and whether moving it needs a signature."""

    alias = serializers.CharField(max_length=255)
    protected = serializers.BooleanField(default=True)


class ModelChange(serializers.Serializer[Any]):
    """Fields to set; what is left out stays."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=20_000)
    risk_tier = OneOf(choices=RiskTier.choices, required=False)
    restricted = serializers.BooleanField(required=False)
    strict_sources = serializers.BooleanField(required=False)
    data_policy = DataPolicyShape(required=False)
    outcome_values = OutcomeValueShape(many=True, required=False)


class NewModel(serializers.Serializer[Any]):
    """A model to create."""

    name = serializers.CharField(max_length=300)
    description = serializers.CharField(required=False, allow_blank=True, max_length=20_000, default="")


class NewAnnotation(serializers.Serializer[Any]):
    """Documentation to add to a version."""

    title = serializers.CharField(max_length=120)
    body = serializers.CharField(max_length=20_000)


class AnnotationShape(NewAnnotation):
    """Documentation added to a version."""

    author = serializers.CharField(source="author.username")
    created_at = serializers.DateTimeField()


class Version(serializers.Serializer[Any]):
    """A model version."""

    model = serializers.CharField(source="model.name")
    version = serializers.IntegerField()
    semver = serializers.CharField()
    stage = OneOf(choices=list(Stage))
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


class FoundVersion(Version):
    """A version that a search found; `id` is what the next page begins before."""

    id = serializers.IntegerField(source="pk")


class VersionChange(serializers.Serializer[Any]):
    """Fields to set; what is left out stays. An empty `semver` takes the number away."""

    semver = serializers.CharField(required=False, allow_blank=True, max_length=64)
    description = serializers.CharField(required=False, allow_blank=True, max_length=20_000)


class Offered(serializers.Serializer[Any]):
    """The semantic numbers that may come next; `fitting` is what the signature asks for, null where it cannot tell."""

    before = serializers.CharField()
    numbers = serializers.DictField(child=serializers.CharField())
    fitting = serializers.CharField(allow_null=True)
    verdict = serializers.CharField()


class FactShape(serializers.ModelSerializer[VersionFact]):
    """What was found out about a version's files: `scan`, or `artifact`, the maker's signature."""

    fact = serializers.CharField(source="kind")

    class Meta:
        model = VersionFact
        fields = ("fact", "good", "words", "found", "by", "at")


class LineageStep(serializers.Serializer[Any]):
    """One thing a version is from, in the order in which it came to be."""

    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    text = serializers.CharField()
    digest = serializers.CharField()


class VersionRead(Version):
    """One version, what was found out about it, where it is from, and the semantic numbers it may be given."""

    facts = FactShape(many=True)
    lineage = serializers.SerializerMethodField()

    @extend_schema_field(LineageStep(many=True))
    def get_lineage(self, version: ModelVersion) -> object:
        """Return where it is from."""
        return LineageStep(lineage.steps(version, cards.card_of(version)), many=True).data

    semver_offered = serializers.SerializerMethodField()

    @extend_schema_field(Offered)
    def get_semver_offered(self, version: ModelVersion) -> object:
        """Return what may come next."""
        return Offered(numbering.offered(version)).data


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


class ColumnShape(serializers.Serializer[Any]):
    """One of several versions side by side; `signature` is held against the first one's."""

    version = serializers.IntegerField(source="version.version")
    semver = serializers.CharField(source="version.semver")
    stage = serializers.CharField(source="version.stage")
    aliases = serializers.ListField(child=serializers.CharField())
    digest = serializers.CharField()
    metrics = serializers.DictField()
    params = serializers.DictField()
    tags = serializers.DictField()
    signature = SignatureDifferenceShape()


class Compared(Comparison):
    """The difference from the first version to the last, and all of them side by side."""

    versions = ColumnShape(many=True)


class SpanShape(serializers.Serializer[Any]):
    """A version held a stage or an @alias from `start` to `end` (null: still). `seq` is the event that says so.

    `approval` is the number of the request, or the word why there is none; `doubt` says why it is not what people did.
    """

    version = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes fields out of the class
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    actor = serializers.CharField()
    comment = serializers.CharField()
    approval = serializers.JSONField(allow_null=True)
    seq = serializers.IntegerField(source="event.seq", allow_null=True)
    doubt = serializers.CharField()


class HeldShape(SpanShape):
    """What held at an instant: who approved it, the metrics the version was registered with, and whether it exists."""

    approved_by = serializers.ListField(child=serializers.CharField())
    metrics = serializers.DictField()
    exists = serializers.BooleanField()


class ServingShape(SpanShape):
    """A version had `share_pct` of the requests of the endpoint `label`."""

    share_pct = serializers.FloatField()


class ServedShape(HeldShape):
    """What an endpoint served at an instant."""

    share_pct = serializers.FloatField()


class Named(serializers.Serializer[Any]):
    """Whose history it is: the model that had the name at that instant."""

    name = serializers.CharField()
    uuid = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField(allow_null=True)


class History(serializers.Serializer[Any]):
    """What a model's versions held and served, newest first; `held` and `served` are so at `at` (null: now)."""

    model = Named()
    at = serializers.DateTimeField(allow_null=True)
    held = HeldShape(many=True)
    served = ServedShape(many=True)
    spans = SpanShape(many=True)
    servings = ServingShape(many=True)


class RunVersion(serializers.Serializer[Any]):
    """A version that was registered from a run."""

    model = serializers.CharField()
    version = serializers.IntegerField()
    stage = OneOf(choices=list(Stage))


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
