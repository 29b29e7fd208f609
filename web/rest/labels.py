"""Own REST: labels, what was true of predictions that were made."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import endpoints
from monitoring.labels import given, record_labels
from web.rest import shapes
from web.rest.authentication import actor_of
from web.rest.reading import checked


class Labels(serializers.Serializer[dict[str, object]]):
    """Labels of one endpoint, 10,000 at most."""

    endpoint = serializers.CharField(max_length=63)
    labels = serializers.ListField(
        child=serializers.JSONField(),
        help_text="of {request_id, label, value, at, segment}: what was true, what it was worth, or both",
    )


class Taken(serializers.Serializer[dict[str, int]]):
    """What became of them."""

    new = serializers.IntegerField()
    revised = serializers.IntegerField(help_text="other than before; the earlier word is kept")
    repeated = serializers.IntegerField(help_text="known already")
    waiting = serializers.IntegerField(help_text="of those new or revised, for predictions not seen yet")


@extend_schema(
    operation_id="give_labels",
    request=Labels,
    responses={200: Taken, 404: shapes.Refused},
)
@api_view(["POST"])
def labels(request: Request) -> Response:
    """Say what was true, early or late; saying it again changes nothing."""
    actor = actor_of(request)
    asked = checked(Labels, request)
    found = endpoints.find_endpoint(asked["endpoint"], actor=actor)
    return Response(record_labels(found.name, given(asked["labels"]), actor=actor))
