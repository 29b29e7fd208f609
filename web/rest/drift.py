"""Own REST: how far the features of a version are from their references."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import alarms, endpoints
from monitoring import drift
from monitoring.drift import Seen
from monitoring.models import Feature, Opinion
from monitoring.stats.profiles import Severity
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.one_of import OneOf
from web.rest.reading import checked, text_of


class OpinionShape(serializers.Serializer[Any]):
    """What a detector that was plugged in says of a day; `drifted` is null where it failed, and `fault` says how."""

    detector = serializers.CharField()
    day = serializers.SerializerMethodField()
    drifted = serializers.BooleanField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    note = serializers.CharField()
    fault = serializers.CharField()

    def get_day(self, opinion: Opinion) -> str:
        """Return the day, in UTC."""
        return drift.date_of(opinion.day).isoformat()


class FeatureShape(serializers.Serializer[Any]):
    """One feature on its newest day. Distances are from 0 to 1; `alarm_since` is null while it is as it should be."""

    name = serializers.CharField(source="feature.name")
    source = OneOf(choices=Feature.Source.choices, source="feature.source")  # type: ignore[assignment]  # DRF takes it out
    reference_digest = serializers.CharField(source="feature.digest")
    reference_rows = serializers.IntegerField(source="baseline.rows")
    day = serializers.SerializerMethodField()
    is_over = serializers.BooleanField(help_text="whether the day is over; before that it is not judged")
    rows = serializers.IntegerField(source="window.rows")
    drawn_from = serializers.IntegerField(source="of")
    signal = serializers.CharField(source="effect.signal", allow_null=True, default=None)
    distance = serializers.FloatField(source="effect.distance", allow_null=True, default=None)
    stability_index = serializers.FloatField(source="effect.stability", allow_null=True, default=None)
    severity = OneOf(choices=list(Severity))
    alarm_since = serializers.DateField(source="feature.alarm_since", allow_null=True)
    acknowledged_by = serializers.SerializerMethodField()
    opinions = OpinionShape(many=True)

    def get_acknowledged_by(self, seen: Seen) -> str:
        """Return who looked at the alarm; nothing where nobody did."""
        return seen.feature.seen_by if seen.feature.is_acknowledged else ""

    def get_day(self, seen: Seen) -> str:
        """Return the day, in UTC."""
        return drift.date_of(seen.day).isoformat()


class DriftShape(serializers.Serializer[Any]):
    """The features of one version, alarms first; of none where nothing is counted yet."""

    version = serializers.CharField(allow_blank=True)
    versions = serializers.ListField(child=serializers.CharField(), help_text="the one that was asked last first")
    features = FeatureShape(many=True)


class Acknowledgement(serializers.Serializer[Any]):
    """Which alarm somebody looked at, and what she found."""

    version = serializers.CharField(max_length=20)
    feature = serializers.CharField(max_length=250, trim_whitespace=False)
    comment = serializers.CharField(max_length=alarms.LONGEST)


@extend_schema(
    operation_id="read_drift",
    responses={200: DriftShape},
    parameters=[OpenApiParameter("version", str, description="the one that was asked last where it is left out")],
)
@api_view(["GET"])
def endpoint_drift(request: Request, name: str) -> Response:
    """Read how far each feature of a version is from its reference, and since when it has drifted."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    versions = drift.versions_of(found.name)
    version = text_of(request, "version") or next(iter(versions), "")
    features = drift.seen(found.name, version)
    return Response(DriftShape({"version": version, "versions": versions, "features": features}).data)


@extend_schema(operation_id="acknowledge_drift", request=Acknowledgement, responses={200: FeatureShape, **REFUSALS})
@api_view(["POST"])
def acknowledgement(request: Request, name: str) -> Response:
    """Say that somebody looked at a feature's alarm; 409 where there is none, or somebody did already."""
    actor, asked = actor_of(request), checked(Acknowledgement, request)
    found = endpoints.find_endpoint(name, actor=actor)
    alarms.acknowledge(found, asked["version"], asked["feature"], comment=asked["comment"], actor=actor)
    return Response(FeatureShape(drift.one(found.name, asked["version"], asked["feature"])).data)
