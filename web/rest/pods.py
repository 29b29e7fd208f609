"""Own REST: what pods of other clusters fetch, by digest, with the short-lived token that was put there for them."""

import re
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from core.refusals import NotFound
from deployments import feed
from deployments import pods as shown
from deployments.pods import Pod
from registry import blobs, listed_files
from registry.data_policy import policy_of
from registry.models import Manifest
from serving import contract
from serving.contract import FeaturePolicy, Layout
from web.rest.models import REFUSALS

START = re.compile(r"bytes=(\d{1,18})-\Z")
JSON = "application/json"
ALL = 100.0  # percent
HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
DIGEST, SHA256 = (OpenApiParameter(name, HEX, OpenApiParameter.PATH) for name in ("digest", "sha256"))


class FileShape(serializers.Serializer[Any]):
    """One file of a model."""

    path = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()


class ManifestShape(serializers.Serializer[Any]):
    """The files that a digest names."""

    digest = serializers.CharField()
    files = FileShape(many=True)


@extend_schema(operation_id="read_pod_manifest", parameters=[DIGEST], responses={200: ManifestShape, **REFUSALS})
@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def manifest(request: Request, digest: str) -> Response:
    """List the files that a pod serves, with a pod's token."""
    files = _files(_pod_of(request, digest))
    return Response({"digest": digest, "files": [asdict(line) for line in files]})


@extend_schema(
    operation_id="read_pod_file",
    parameters=[DIGEST, SHA256],
    responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **REFUSALS},
)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def file(request: Request, digest: str, sha256: str) -> HttpResponseBase:
    """Read a file that a pod serves, or from where `Range: bytes=N-` goes on, with a pod's token."""
    line = next((one for one in _files(_pod_of(request, digest)) if one.sha256 == sha256), None)
    if line is None or blobs.length_of(sha256) is None:
        raise NotFound("The model has no such file here.")
    asked = START.match(request.headers.get("Range", ""))
    start = int(asked[1]) if asked else 0
    if start >= line.size and asked:
        return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
    heads = {"Content-Length": str(line.size - start)}
    if asked:
        heads["Content-Range"] = f"bytes {start}-{line.size - 1}/{line.size}"
    body = blobs.read_blob(sha256, start, line.size - start)
    return StreamingHttpResponse(body, status=status, content_type="application/octet-stream", headers=heads)


@extend_schema(
    operation_id="read_pod_lock",
    parameters=[DIGEST],
    responses={(200, "text/plain"): OpenApiTypes.STR, **REFUSALS},
)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def lock(request: Request, digest: str) -> HttpResponse:
    """Read the packages that a pod's model needs, as they were signed, with a pod's token."""
    path = Layout(Path(settings.HOME)).lock(_pod_of(request, digest).lock_digest)
    try:
        return HttpResponse(path.read_bytes(), content_type="text/plain; charset=utf-8")
    except FileNotFoundError as why:
        raise NotFound("The model's list of packages is not here.") from why


@extend_schema(operation_id="read_pod_tokens", parameters=[DIGEST], responses={200: OpenApiTypes.OBJECT, **REFUSALS})
@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def tokens(request: Request, digest: str) -> HttpResponse:
    """Read who may ask a pod for predictions, by the SHA-256 of their tokens, with a pod's token."""
    said = feed.table(_pod_of(request, digest).endpoint.tokens.all())
    return HttpResponse(contract.text_of(said), content_type=JSON)


@extend_schema(
    operation_id="read_pod_feature_policy", parameters=[DIGEST], responses={200: OpenApiTypes.OBJECT, **REFUSALS}
)
@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def feature_policy(request: Request, digest: str) -> HttpResponse:
    """Read which values a pod tells, with a pod's token. The lot is drawn, and values are hashed, where they arrive."""
    policy = policy_of(_pod_of(request, digest).endpoint.model)
    said = FeaturePolicy(ALL if policy.share_pct else 0.0, policy.dropped, (), "")
    return HttpResponse(contract.text_of(said), content_type=JSON)


def _pod_of(request: Request, digest: str) -> Pod:
    """Return whose token was sent; one for other bytes gets nothing here."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    pod = shown.read(token.strip() if kind.lower() == "bearer" else "")
    if pod.digest != digest:
        raise NotFound("The pod's token is for other files.")
    return pod


def _files(pod: Pod) -> list[listed_files.FileLine]:
    row = Manifest.objects.filter(digest=pod.digest).first()
    if row is None:
        raise NotFound("The files are not here.")
    return listed_files.files_of(row)
