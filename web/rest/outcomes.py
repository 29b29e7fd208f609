"""Own REST: what labels say of an endpoint's versions."""

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from deployments import endpoints
from monitoring import outcomes
from monitoring.outcomes import Line, Report
from monitoring.stats import quality
from registry.outcome_values import values_of
from web.rest.authentication import actor_of
from web.rest.reading import moment_of

USUAL = timedelta(days=7)


class MeasureShape(serializers.Serializer[Any]):
    """A number, its interval of 95 %, and how many rows it rests on."""

    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    of = serializers.IntegerField()


class EstimateShape(serializers.Serializer[Any]):
    """Accuracy of all requests: by labels where there are some, else by scores. An estimate, not a measurement."""

    accuracy = serializers.FloatField()
    part = serializers.FloatField(help_text="share of it that rests on scores alone, 0 to 1")
    rests_on = serializers.IntegerField(help_text="labelled rows that give scores their meaning")


class SliceShape(serializers.Serializer[Any]):
    """One segment; `is_worse` where it is by more than chance."""

    name = serializers.CharField()
    measure = MeasureShape()
    is_worse = serializers.BooleanField()


class ArrivedShape(serializers.Serializer[Any]):
    """Of the requests that are at least so old, how many had their label by then."""

    within_s = serializers.IntegerField()
    labelled = serializers.IntegerField()
    of = serializers.IntegerField()


class WindowShape(serializers.Serializer[Any]):
    """One hour, or one day of spans over two days."""

    at = serializers.DateTimeField()
    predictions = serializers.IntegerField()
    labelled = serializers.IntegerField()
    measures = serializers.DictField(child=MeasureShape())


class VersionOutcome(serializers.Serializer[Any]):
    """One version on one track. Measures are chosen by what predictions and labels are."""

    version = serializers.CharField(source="part.version", allow_blank=True)
    track = serializers.CharField(source="part.track")
    predictions = serializers.IntegerField(source="told.asked")
    labelled = serializers.IntegerField(source="told.labelled")
    coverage = serializers.SerializerMethodField()
    measures = serializers.SerializerMethodField()
    estimate = EstimateShape(allow_null=True)
    slices = serializers.SerializerMethodField()
    delays = ArrivedShape(many=True)
    windows = serializers.SerializerMethodField()

    @extend_schema_field(MeasureShape(allow_null=True))
    def get_coverage(self, line: Line) -> Any:
        """Return which part of the predictions has a label."""
        found = quality.coverage(line.told)
        return MeasureShape(found).data if found else None

    @extend_schema_field(serializers.DictField(child=MeasureShape()))
    def get_measures(self, line: Line) -> Any:
        """Return what labels say."""
        return {
            name: MeasureShape(one).data for name, one in quality.measures(line.told, self.context["worths"]).items()
        }

    @extend_schema_field(SliceShape(many=True))
    def get_slices(self, line: Line) -> Any:
        """Return segments with 20 labelled rows or more, the worst first."""
        return SliceShape(quality.slices(line.told), many=True).data

    @extend_schema_field(WindowShape(many=True))
    def get_windows(self, line: Line) -> Any:
        """Return the windows with predictions."""
        told = [
            {"at": at, "predictions": one.asked, "labelled": one.labelled, "measures": quality.measures(one)}
            for at, one in sorted(line.windows.items())
        ]
        return WindowShape(told, many=True).data


class OutcomesShape(serializers.Serializer[Report]):
    """Outcomes from `since` to `until`, whole hours or days, as they were known at `as_of`."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    as_of = serializers.DateTimeField()
    lines = VersionOutcome(many=True)


@extend_schema(
    operation_id="read_outcomes",
    responses={200: OutcomesShape},
    parameters=[
        OpenApiParameter("since", OpenApiTypes.DATETIME, description="7 days before `until` where it is left out"),
        OpenApiParameter("until", OpenApiTypes.DATETIME, description="now where it is left out; 90 days at most"),
        OpenApiParameter("as_of", OpenApiTypes.DATETIME, description="leaves out labels that came later"),
    ],
)
@api_view(["GET"])
def endpoint_outcomes(request: Request, name: str) -> Response:
    """Read what labels say of each version and track: measures with intervals, coverage, segments."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    as_of: datetime | None = moment_of(request, "as_of")
    until = moment_of(request, "until") or as_of or clock.now()
    since = moment_of(request, "since") or until - USUAL
    report, worths = outcomes.report(found.name, since, until, as_of), values_of(found.model)
    return Response(OutcomesShape(report, context={"worths": worths}).data)
