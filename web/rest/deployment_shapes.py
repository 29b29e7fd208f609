"""What own REST sends and takes about endpoints and rollouts, as serializers."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from deployments import endpoints, freezing, interventions, reach, rights, steering
from deployments.capacity import capacity_of
from deployments.models import Endpoint, EndpointToken, Rollout
from deployments.states import RolloutState, StepStatus
from deployments.targets.kinds import KINDS
from web.rest.one_of import OneOf

LAST = 10


class Step(serializers.Serializer[Any]):
    """One step of a rollout: its tries and what was seen of it."""

    name = serializers.CharField()
    key = serializers.CharField()
    status = OneOf(choices=StepStatus.choices)
    attempts = serializers.IntegerField()
    observed = serializers.JSONField()
    why = serializers.CharField()
    deadline_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class RolloutShape(serializers.Serializer[Any]):
    """One change of what an endpoint serves."""

    id = serializers.IntegerField(source="pk")
    uuid = serializers.UUIDField()
    endpoint = serializers.CharField(source="endpoint.name")
    environment = serializers.CharField(source="endpoint.environment.name")
    model = serializers.CharField(source="endpoint.model.name")
    version = serializers.IntegerField(source="version.version")
    digest = serializers.CharField()
    kind = OneOf(choices=Rollout.Kind.choices)
    plan = serializers.JSONField()
    state = OneOf(choices=RolloutState.choices)
    reason = serializers.CharField()
    why = serializers.CharField()
    by = serializers.CharField(source="created_by.username")
    approved_in = serializers.IntegerField(source="request_id", allow_null=True)
    approved_up_to_pct = serializers.IntegerField(
        source="request.ceiling_pct", default=None, allow_null=True, help_text="Null where nobody had to sign."
    )
    last_good = serializers.IntegerField(source="last_good_id", allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    paused_by = serializers.CharField(source="paused_by.username", default=None, allow_null=True)


class RolloutWithSteps(RolloutShape):
    """The same, with its steps in order.

    `waits` says what keeps it where it is: a freeze until when, a signature up to which share; or nothing. `back_s` is
    how many seconds it took to go back.
    """

    steps = Step(many=True)
    waits = serializers.SerializerMethodField()
    back_s = serializers.FloatField(allow_null=True)

    def get_waits(self, rollout: Rollout) -> str:
        """What keeps it where it is."""
        return freezing.waits(rollout) or reach.kept(rollout)


class Disagreement(serializers.Serializer[Any]):
    """A request that two versions answered otherwise: `live` is what the caller got, `copy` what nobody was given.

    `apart` is the largest difference of numbers, where both gave numbers; `id` is a place in the list.
    """

    id = serializers.IntegerField(source="copy.pk")
    request_id = serializers.CharField(source="copy.request_id")
    at = serializers.DateTimeField(source="copy.at")
    live = serializers.JSONField(source="live.prediction", default=None, allow_null=True)
    copy = serializers.JSONField(source="copy.prediction", allow_null=True)
    copy_status = serializers.IntegerField(source="copy.status")
    live_score = serializers.JSONField(source="live.score", default=None, allow_null=True)
    copy_score = serializers.JSONField(source="copy.score", allow_null=True)
    apart = serializers.FloatField(source="copy.apart", allow_null=True)
    live_ms = serializers.FloatField(source="live.latency_ms", default=None, allow_null=True)
    copy_ms = serializers.FloatField(source="copy.latency_ms", allow_null=True)


class Serving(serializers.Serializer[Any]):
    """What answers requests, since when, by whom and by which approval."""

    version = serializers.IntegerField(source="version.version")
    digest = serializers.CharField()
    since = serializers.SerializerMethodField()
    by = serializers.CharField(source="created_by.username")
    approved_in = serializers.IntegerField(source="request_id", allow_null=True)
    rollout = serializers.IntegerField(source="pk")

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_since(self, serves: Rollout) -> object:
        """Since when; a withdrawal may have brought it back."""
        return endpoints.serving_since(serves)


class Right(serializers.Serializer[Any]):
    """A version that may serve without a new signature."""

    version = serializers.IntegerField(source="version.version")
    digest = serializers.CharField()
    installed_at = serializers.DateTimeField()
    rollout = serializers.IntegerField(source="rollout_id")


class Capacity(serializers.Serializer[Any]):
    """How much an endpoint may use; what is left out stays. The limits of each model server hold from the next rollout.

    Model servers between `min_replicas` and `max_replicas`, so many that each has `in_flight` requests on average.
    """

    min_replicas = serializers.IntegerField(required=False)
    max_replicas = serializers.IntegerField(required=False)
    in_flight = serializers.IntegerField(required=False)
    memory_mb = serializers.IntegerField(required=False)
    batch_rows = serializers.IntegerField(required=False)
    max_waiting = serializers.IntegerField(required=False)


class EndpointShape(serializers.Serializer[Any]):
    """A stable address; `path` is where the router answers."""

    name = serializers.CharField()
    environment = serializers.CharField(source="environment.name")
    model = serializers.CharField(source="model.name")
    target = serializers.CharField()
    pattern = OneOf(choices=Endpoint.Pattern.choices)
    path = serializers.SerializerMethodField()
    serving = serializers.SerializerMethodField()
    replicas = serializers.IntegerField()
    capacity = serializers.SerializerMethodField()
    by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()

    @extend_schema_field(Capacity)
    def get_capacity(self, endpoint: Endpoint) -> object:
        """How much it may use."""
        return asdict(capacity_of(endpoint))

    def get_path(self, endpoint: Endpoint) -> str:
        """Where the router answers."""
        return f"/endpoints/{endpoint.name}/invocations"

    @extend_schema_field(Serving(allow_null=True))
    def get_serving(self, endpoint: Endpoint) -> object:
        """What answers requests."""
        known = self.context.get("serving")
        now = endpoints.serving(endpoint) if known is None else known.get(endpoint.pk)
        return Serving(now).data if now else None


class EndpointWithRights(EndpointShape):
    """The same, with what may serve and the newest rollouts."""

    rights = serializers.SerializerMethodField()
    rollouts = serializers.SerializerMethodField()

    @extend_schema_field(Right(many=True))
    def get_rights(self, endpoint: Endpoint) -> object:
        """What may serve, newest version first."""
        return Right(rights.newest_by_version(endpoint), many=True).data

    @extend_schema_field(RolloutShape(many=True))
    def get_rollouts(self, endpoint: Endpoint) -> object:
        """The newest first."""
        rows = endpoint.rollouts.select_related("version", "created_by", "request").order_by("-pk")[:LAST]
        return RolloutShape(rows, many=True).data


class NewEndpoint(serializers.Serializer[Any]):
    """A stable address to create for a model."""

    name = serializers.CharField(max_length=63)
    model = serializers.CharField()
    environment = serializers.CharField(max_length=40)
    target = OneOf(choices=sorted(KINDS), required=False, default="local")
    pattern = OneOf(choices=Endpoint.Pattern.choices, default=Endpoint.Pattern.REST)


class NewRollout(serializers.Serializer[Any]):
    """A version to be served. `plan` is what was signed, such as {"strategy": "all-at-once"}."""

    endpoint = serializers.CharField()
    version = serializers.IntegerField(min_value=1)
    plan = serializers.DictField()
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=10_000)
    accepts_code = serializers.BooleanField(
        required=False, default=False, help_text="Loading a pickle runs code of its files; needed where nobody signs."
    )


class Reason(serializers.Serializer[Any]):
    """Why; kept in the ledger."""

    reason = serializers.CharField(max_length=10_000)


class Return(Reason):
    """A rollback; with `version` it is refused where it would go elsewhere by now."""

    version = serializers.IntegerField(required=False, min_value=1)


class Withdrawal(Reason):
    """A version to be taken out of service for good."""

    version = serializers.IntegerField(min_value=1)


class Intervention(Reason):
    """What an operator does."""

    do = OneOf(choices=list(interventions.BY_NAME))


class Steering(serializers.Serializer[Any]):
    """What a person does to a canary; `reason` may be empty to pause or go on."""

    do = OneOf(choices=list(steering.BY_NAME))
    reason = serializers.CharField(default="", allow_blank=True, max_length=2000)
    share_pct = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="for promote and open_gate: refused where the canary has gone on from this share",
    )


class NewEndpointToken(serializers.Serializer[Any]):
    """A token to make, by the service that will call."""

    label = serializers.CharField(max_length=80)  # type: ignore[assignment]  # the metaclass takes it out of the class
    days = serializers.IntegerField(min_value=1)
    use = OneOf(choices=EndpointToken.Use.choices, default=EndpointToken.Use.PREDICT)


class EndpointTokenOnce(serializers.Serializer[Any]):
    """A token with its text, shown this once."""

    id = serializers.IntegerField(source="pk")
    prefix = serializers.CharField()
    expires_at = serializers.DateTimeField()
    token = serializers.CharField()


class PlacementShape(serializers.Serializer[Any]):
    """One version at one endpoint: which requests it gets, and how it was when its place was last looked at."""

    endpoint = serializers.CharField(source="endpoint.name")
    environment = serializers.CharField(source="endpoint.environment.name")
    target = serializers.CharField(source="endpoint.target")
    model = serializers.CharField(source="rollout.version.model.name")
    version = serializers.IntegerField(source="rollout.version.version")
    digest = serializers.CharField(source="rollout.digest")
    rollout = serializers.IntegerField(source="rollout.pk")
    share_pct = serializers.IntegerField()
    copies = serializers.BooleanField(help_text="it gets copies of requests, and answers nobody")
    health = serializers.CharField(help_text="ready, starting, broken, not there, not reached, or not seen lately")
    why = serializers.CharField(source="seen.why", default="")
    seen_at = serializers.DateTimeField(source="seen.at", default=None, allow_null=True)
