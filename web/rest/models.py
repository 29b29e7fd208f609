"""Own REST: registered models and their versions."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from registry import access, registered, versions
from registry.models import RegisteredModel
from web.rest import shapes
from web.rest.authentication import actor_of
from web.rest.reading import checked, limit_of

RELATED = ("aliases__version", "tags", "thresholds")
REFUSALS = {400: shapes.Refused, 401: shapes.Refused, 403: shapes.Refused, 404: shapes.Refused, 409: shapes.Refused}


@extend_schema(
    methods=["GET"],
    operation_id="list_models",
    responses={200: shapes.Model(many=True)},
    parameters=[
        OpenApiParameter("after", str, description="name after which the page starts"),
        OpenApiParameter("limit", int),
    ],
)
@extend_schema(
    methods=["POST"], operation_id="create_model", request=shapes.NewModel, responses={201: shapes.Model, **REFUSALS}
)
@api_view(["GET", "POST"])
def models(request: Request) -> Response:
    """List the models you may see, by name; or create one that you own."""
    actor = actor_of(request)
    if request.method == "POST":
        asked = checked(shapes.NewModel, request)
        return Response(shapes.Model(registered.create_model(actor=actor, **asked)).data, status=201)
    rows = RegisteredModel.objects.visible_to(actor).filter(name__gt=request.query_params.get("after", ""))
    page = rows.select_related("owner").prefetch_related(*RELATED).order_by("name")[: limit_of(request)]
    return Response(shapes.Model(page, many=True).data)


@extend_schema(methods=["GET"], operation_id="read_model", responses={200: shapes.Model, 404: shapes.Refused})
@extend_schema(
    methods=["PATCH"],
    operation_id="change_model",
    request=shapes.ModelChange,
    responses={200: shapes.Model, **REFUSALS},
)
@api_view(["GET", "PATCH"])
def model(request: Request, name: str) -> Response:
    """Read a model, or change its description, risk tier or restriction."""
    actor = actor_of(request)
    found = access.find_model(name, actor=actor)
    if request.method == "PATCH":
        found = registered.update_model(found, actor=actor, **checked(shapes.ModelChange, request))
    return Response(shapes.Model(found).data)


@extend_schema(
    operation_id="set_threshold", request=shapes.ThresholdShape, responses={200: shapes.ThresholdShape, **REFUSALS}
)
@api_view(["PUT"])
def threshold(request: Request, name: str) -> Response:
    """Set what a metric must reach before a version goes to Production."""
    actor = actor_of(request)
    found = access.find_model(name, actor=actor)
    asked = checked(shapes.ThresholdShape, request)
    return Response(shapes.ThresholdShape(registered.set_threshold(found, actor=actor, **asked)).data)


@extend_schema(operation_id="read_version", responses={200: shapes.Version, 404: shapes.Refused})
@api_view(["GET"])
def version(request: Request, name: str, number: int) -> Response:
    """Read a version."""
    return Response(shapes.Version(access.find_version(name, number, actor=actor_of(request))).data)


@extend_schema(
    operation_id="annotate_version", request=shapes.AnnotationShape, responses={201: shapes.AnnotationShape, **REFUSALS}
)
@api_view(["POST"])
def annotations(request: Request, name: str, number: int) -> Response:
    """Add documentation to a version."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    note = versions.annotate(found, actor=actor, **checked(shapes.AnnotationShape, request))
    return Response(shapes.AnnotationShape(note).data, status=201)
