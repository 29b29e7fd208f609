"""Own REST: alert rules of an endpoint, for pipelines that keep them in Git, and its alerts."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core.strict_yaml import SIZE_MAX
from deployments import endpoints
from deployments.alerts import book, looking
from deployments.alerts.documents import SCHEMA, Then
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.one_of import OneOf
from web.rest.openapi import PAGE_SIZE
from web.rest.reading import checked, limit_of, whole


class RulesShape(serializers.Serializer[Any]):
    """The rules of an endpoint as they were written; an empty text where nobody wrote any."""

    text = serializers.CharField(allow_blank=True)
    changed_by = serializers.CharField(source="changed_by.username", default=None, allow_null=True)
    changed_at = serializers.DateTimeField(default=None, allow_null=True)


class NewRules(serializers.Serializer[Any]):
    """A text that takes the place of the rules."""

    text = serializers.CharField(max_length=SIZE_MAX, trim_whitespace=False)


class AlertShape(serializers.Serializer[Any]):
    """An alert; `ended_at` is null while it fires, `acknowledged_by` until somebody looked at it."""

    id = serializers.IntegerField(source="pk")
    rule = serializers.CharField()
    then = OneOf(choices=[(str(one), one.words) for one in Then])
    words = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    about = serializers.CharField()
    runbook = serializers.CharField()
    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    did = serializers.CharField(help_text="what became of roll_back")
    acknowledged_by = serializers.CharField(source="seen_by.username", default=None, allow_null=True)
    acknowledged_at = serializers.DateTimeField(source="seen_at", allow_null=True)
    comment = serializers.CharField(source="seen_comment")


class AlertFinding(serializers.Serializer[Any]):
    """What somebody found who looked at an alert."""

    comment = serializers.CharField(max_length=looking.LONGEST)


@extend_schema(operation_id="read_alert_rules_schema", responses={200: OpenApiTypes.OBJECT})
@api_view(["GET"])
def schema(request: Request) -> Response:
    """Read the JSON Schema that alert rules are held to, for editors."""
    actor_of(request)
    return Response(SCHEMA)


@extend_schema(methods=["GET"], operation_id="read_alert_rules", responses={200: RulesShape})
@extend_schema(
    methods=["PUT"], operation_id="put_alert_rules", request=NewRules, responses={200: RulesShape, **REFUSALS}
)
@api_view(["GET", "PUT"])
def rules(request: Request, name: str) -> Response:
    """Read the alert rules of an endpoint, or put others in their place; 400 names what is wrong at each line."""
    actor = actor_of(request)
    found = endpoints.find_endpoint(name, actor=actor)
    if request.method == "PUT":
        book.write_rules(found, checked(NewRules, request)["text"], actor=actor)
    return Response(RulesShape(book.book_of(found) or {"text": ""}).data)


@extend_schema(
    operation_id="list_alerts",
    responses={200: AlertShape(many=True)},
    parameters=[OpenApiParameter("before", int, description="id before which the page starts"), PAGE_SIZE],
)
@api_view(["GET"])
def alerts(request: Request, name: str) -> Response:
    """List the alerts of an endpoint, the newest first."""
    found = endpoints.find_endpoint(name, actor=actor_of(request))
    rows = looking.alerts_of(found).order_by("-pk")
    if (before := whole(request, "before")) is not None:
        rows = rows.filter(pk__lt=before)
    return Response(AlertShape(rows[: limit_of(request)], many=True).data)


@extend_schema(operation_id="acknowledge_alert", request=AlertFinding, responses={200: AlertShape, **REFUSALS})
@api_view(["POST"])
def acknowledgement(request: Request, name: str, alert_id: int) -> Response:
    """Say what you found at an alert; 409 where somebody looked at it already."""
    actor, asked = actor_of(request), checked(AlertFinding, request)
    found = endpoints.find_endpoint(name, actor=actor)
    return Response(AlertShape(looking.acknowledge(found, alert_id, comment=asked["comment"], actor=actor)).data)
