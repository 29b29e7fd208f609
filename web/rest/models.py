"""Own REST: registered models and their versions."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core.refusals import Invalid
from deployments import history as deployed
from registry import access, comparison, history, numbering, protection, registered, versions
from registry.listing import ModelFilter
from registry.models import ModelVersion, RegisteredModel
from registry.models.registered import RiskTier
from registry.stages import Stage
from registry.wide_search import versions_like
from web.rest import shapes
from web.rest.authentication import actor_of
from web.rest.openapi import PAGE_SIZE, place
from web.rest.reading import checked, limit_of, moment_of, one_of, text_of, whole

RELATED = ("aliases__version", "tags", "thresholds")
REFUSALS = {404: shapes.Refused, 409: shapes.Refused}


@extend_schema(
    methods=["GET"],
    operation_id="list_models",
    responses={200: shapes.Model(many=True)},
    parameters=[
        OpenApiParameter("q", str, description="part of the name or description, or a filter"),
        OpenApiParameter("owner", str),
        OpenApiParameter("stage", str, enum=list(Stage), description="of a version of the model"),
        OpenApiParameter("risk", str, enum=RiskTier.values),
        OpenApiParameter("after", str, description="name after which the page starts"),
        PAGE_SIZE,
    ],
)
@extend_schema(
    methods=["POST"], operation_id="create_model", request=shapes.NewModel, responses={201: shapes.Model, **REFUSALS}
)
@api_view(["GET", "POST"])
def models(request: Request) -> Response:
    """List the models you may see, by name, narrowed as on their page; or create one that you own."""
    actor = actor_of(request)
    if request.method == "POST":
        asked = checked(shapes.NewModel, request)
        return Response(shapes.Model(registered.create_model(actor=actor, **asked)).data, status=201)
    words, owner = (text_of(request, name) for name in ("q", "owner"))
    wanted = ModelFilter(words, owner, one_of(request, "stage", Stage), one_of(request, "risk", RiskTier))
    rows = wanted.apply(RegisteredModel.objects.visible_to(actor)).filter(name__gt=text_of(request, "after"))
    page = rows.select_related("owner").prefetch_related(*RELATED).order_by("name")[: limit_of(request)]
    return Response(shapes.Model(page, many=True).data)


@extend_schema(methods=["GET"], operation_id="read_model", responses={200: shapes.Model})
@extend_schema(
    methods=["PATCH"],
    operation_id="change_model",
    request=shapes.ModelChange,
    responses={200: shapes.Model, **REFUSALS},
)
@api_view(["GET", "PATCH"])
def model(request: Request, name: str) -> Response:
    """Read a model, or change its description, risk tier, restriction, strictness about sources or data policy."""
    actor = actor_of(request)
    found = access.find_model(name, actor=actor)
    if request.method == "PATCH":
        found = registered.update_model(found, actor=actor, **checked(shapes.ModelChange, request))
    return Response(shapes.Model(found).data)


@extend_schema(
    operation_id="set_threshold", request=shapes.NewThreshold, responses={200: shapes.ThresholdShape, **REFUSALS}
)
@api_view(["PUT"])
def threshold(request: Request, name: str) -> Response:
    """Set what a metric must reach before a version goes to Production."""
    actor = actor_of(request)
    found = access.find_model(name, actor=actor)
    asked = checked(shapes.NewThreshold, request)
    return Response(shapes.ThresholdShape(registered.set_threshold(found, actor=actor, **asked)).data)


@extend_schema(operation_id="protect_alias", request=shapes.AliasProtection, responses={200: shapes.Model, **REFUSALS})
@api_view(["PUT"])
def protected_aliases(request: Request, name: str) -> Response:
    """Ask for a signature before an alias of the model moves, or no more."""
    actor = actor_of(request)
    found = access.find_model(name, actor=actor)
    asked = checked(shapes.AliasProtection, request)
    change = protection.protect if asked["protected"] else protection.release
    return Response(shapes.Model(change(found, asked["alias"], actor=actor)).data)


@extend_schema(
    operation_id="list_versions",
    responses={200: shapes.Version(many=True)},
    parameters=[place("before"), PAGE_SIZE],
)
@api_view(["GET"])
def versions_of(request: Request, name: str) -> Response:
    """List a model's versions, newest first; pass the last number as `before` for the next page."""
    found = access.find_model(name, actor=actor_of(request))
    rows = ModelVersion.objects.live().filter(model=found).select_related("model", "registered_by", "manifest")
    if before := whole(request, "before"):
        rows = rows.filter(version__lt=before)
    page = rows.prefetch_related("annotations__author").order_by("-version")[: limit_of(request)]
    return Response(shapes.Version(page, many=True).data)


@extend_schema(
    operation_id="search_versions",
    responses={200: shapes.FoundVersion(many=True)},
    parameters=[
        OpenApiParameter("q", str, description="a filter, such as: stage = 'Production' AND metrics.auc > 0.9"),
        place("before", "the last id of the page before"),
        PAGE_SIZE,
    ],
)
@api_view(["GET"])
def found_versions(request: Request) -> Response:
    """Search the versions you may see, of all models, the last registered first."""
    visible = ModelVersion.objects.visible_to(actor_of(request)).select_related("model", "registered_by", "manifest")
    rows = versions_like(text_of(request, "q"), visible)
    if before := whole(request, "before"):
        rows = rows.filter(pk__lt=before)
    page = rows.prefetch_related("annotations__author").order_by("-pk")[: limit_of(request)]
    return Response(shapes.FoundVersion(page, many=True).data)


@extend_schema(
    operation_id="compare_versions",
    responses={200: shapes.Compared},
    parameters=[
        OpenApiParameter(
            "v",
            {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": comparison.MOST},
            required=True,
            description="two to six times; the difference is from the first to the last",
        )
    ],
)
@api_view(["GET"])
def compare(request: Request, name: str) -> Response:
    """Compare versions: metrics with their direction, params, files by digest, environment, signature; side by side."""
    numbers = list(dict.fromkeys(request.query_params.getlist("v")))
    readable = all(n.isascii() and n.isdigit() and len(n) < 10 for n in numbers)  # noqa: PLR2004 - fits 32 bits
    if not (readable and 1 < len(numbers) <= comparison.MOST):
        raise Invalid(f"Name 2 to {comparison.MOST} versions: ?v=1&v=2.", field="v")
    found = [access.find_version(name, int(number), actor=actor_of(request)) for number in numbers]
    difference = shapes.Comparison(comparison.comparison(found[0], found[-1])).data
    return Response({**difference, "versions": shapes.ColumnShape(comparison.columns(found), many=True).data})


@extend_schema(
    operation_id="read_history",
    responses={200: shapes.History},
    parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME, description="what held then, now where it is left out")],
)
@api_view(["GET"])
def model_history(request: Request, name: str) -> Response:
    """Read from the ledger which version held which stage, alias and share of endpoints when, and at one instant.

    A model that was deleted since is read as well, the one that had the name at that instant.
    """
    at = moment_of(request, "at")
    found = history.model_at(name, at, actor=actor_of(request))
    told = {
        "model": found,
        "at": at,
        "held": history.live_at(found, at),
        "served": deployed.served_at(found, at),
        "spans": history.spans(found)[::-1],
        "servings": deployed.servings(found)[::-1],
    }
    return Response(shapes.History(told).data)


@extend_schema(methods=["GET"], operation_id="read_version", responses={200: shapes.VersionRead})
@extend_schema(
    methods=["PATCH"],
    operation_id="change_version",
    request=shapes.VersionChange,
    responses={200: shapes.VersionRead, **REFUSALS},
)
@api_view(["GET", "PATCH"])
def version(request: Request, name: str, number: int) -> Response:
    """Read a version, or change its semantic number or description."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    if request.method == "PATCH":
        asked = checked(shapes.VersionChange, request)
        if "semver" in asked:
            numbering.set_semver(found, asked["semver"], actor=actor)
        if "description" in asked:
            versions.update_version(found, description=asked["description"], actor=actor)
        found = access.find_version(name, number, actor=actor)
    return Response(shapes.VersionRead(found).data)


@extend_schema(
    operation_id="annotate_version", request=shapes.NewAnnotation, responses={201: shapes.AnnotationShape, **REFUSALS}
)
@api_view(["POST"])
def annotations(request: Request, name: str, number: int) -> Response:
    """Add documentation to a version."""
    actor = actor_of(request)
    found = access.find_version(name, number, actor=actor)
    note = versions.annotate(found, actor=actor, **checked(shapes.NewAnnotation, request))
    return Response(shapes.AnnotationShape(note).data, status=201)
