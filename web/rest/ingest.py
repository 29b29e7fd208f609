"""Own REST: predictions that were made elsewhere, told by whoever serves there."""

from collections.abc import Mapping
from functools import cache
from typing import IO, Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes, parser_classes, permission_classes
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.refusals import Unauthenticated
from deployments import endpoints, pods
from deployments.models import Endpoint
from monitoring import handed_over
from monitoring.handed_over import Served
from registry.data_policy import policy_of, salt_of
from registry.models import ModelVersion
from serving.contract import FeaturePolicy
from web.rest.models import REFUSALS
from web.rest.parsing import whole_of


class LinesParser(BaseParser):
    """The body as it came: lines are read one by one, and a wrong one keeps no other back."""

    media_type = "application/x-ndjson"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the bytes."""
        del media_type, parser_context
        return whole_of(stream)


class ProblemOfLine(serializers.Serializer[Any]):
    """A line that was refused."""

    line = serializers.IntegerField()
    message = serializers.CharField()


class TakenShape(serializers.Serializer[Any]):
    """How many lines were taken, and which were not: the first hundred with the reason."""

    taken = serializers.IntegerField()
    refused = serializers.IntegerField()
    problems = ProblemOfLine(many=True)


@extend_schema(
    operation_id="tell_predictions",
    request={"application/x-ndjson": OpenApiTypes.STR},
    responses={202: TakenShape, **REFUSALS},
)
@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
@parser_classes([LinesParser])
def ingest(request: Request) -> Response:
    """Tell of predictions that were made elsewhere, a JSON object a line, gzip or plain, with a token of the endpoint.

    Lines sent again are counted once. 202 tells which lines were refused; the others were taken.
    """
    endpoint = _endpoint_of(request)
    body = handed_over.unpacked(cast("bytes", request.data or b""), request.headers.get("Content-Encoding", "").lower())
    said = handed_over.hand_over(body, _served(endpoint), handed_over.onto_stream)
    return Response(TakenShape(said).data, status=202)


def _endpoint_of(request: Request) -> Endpoint:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    text = token.strip() if kind.lower() == "bearer" else ""
    if text.startswith(pods.MARK):
        return pods.read(text).endpoint
    found = endpoints.told_by(text)
    if found is None:
        raise Unauthenticated("Send a token of the endpoint that is for telling predictions.")
    return found


def _served(endpoint: Endpoint) -> Served:
    model, policy = endpoint.model, policy_of(endpoint.model)

    @cache
    def digest_of(version: str) -> str:
        if not version.isascii() or not version.isdigit() or len(version) > 9:  # noqa: PLR2004 - fits
            return ""
        rows = ModelVersion.objects.filter(model=model, version=int(version), manifest__isnull=False)
        return rows.values_list("manifest__digest", flat=True).first() or ""

    told = FeaturePolicy(policy.share_pct, policy.dropped, policy.hashed, salt_of(model))
    return Served(endpoint.name, model.name, told, digest_of)
