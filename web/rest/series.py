"""Own REST: what an endpoint did over time."""

from datetime import timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from deployments import endpoints
from monitoring.metrics import METRICS
from monitoring.series import series
from web.rest.authentication import actor_of
from web.rest.one_of import OneOf
from web.rest.reading import moment_of, text_of

USUAL = timedelta(hours=24)


class Series(serializers.Serializer[Any]):
    """One metric, a line a track. Each bucket has two points: its lowest minute and its highest; null is a gap."""

    metric = OneOf(choices=list(METRICS))
    unit = serializers.CharField()
    step_s = serializers.IntegerField(help_text="length of a bucket, whole minutes")
    at = serializers.ListField(child=serializers.FloatField(), help_text="seconds since 1970, UTC")
    tracks = serializers.DictField(child=serializers.ListField(child=serializers.FloatField(allow_null=True)))


@extend_schema(
    operation_id="read_series",
    responses={200: Series},
    parameters=[
        OpenApiParameter("metric", str, required=True, enum=list(METRICS)),
        OpenApiParameter("since", OpenApiTypes.DATETIME, description="24 hours before `until` where it is left out"),
        OpenApiParameter("until", OpenApiTypes.DATETIME, description="now where it is left out; 90 days at most"),
    ],
)
@api_view(["GET"])
def endpoint_series(request: Request, name: str) -> Response:
    """Read one metric of an endpoint over time, 2,000 points a track at most."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    until = moment_of(request, "until") or clock.now()
    since = moment_of(request, "since") or until - USUAL
    return Response(Series(series(found.name, since, until, text_of(request, "metric"))).data)
