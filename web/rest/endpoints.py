"""Own REST: endpoints, their tokens, and undoing what they serve."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import endpoints as served
from deployments import rights, rollouts
from deployments.capacity import set_capacity
from deployments.placements import placements
from registry import access
from web.rest import deployment_shapes
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.openapi import PAGE_SIZE
from web.rest.reading import checked, limit_of, text_of

MOST = 500  # endpoints whose places are told of at once


@extend_schema(
    methods=["GET"],
    operation_id="list_endpoints",
    responses={200: deployment_shapes.EndpointShape(many=True)},
    parameters=[
        OpenApiParameter("after", str, description="name after which the page starts"),
        PAGE_SIZE,
    ],
)
@extend_schema(
    methods=["POST"],
    operation_id="create_endpoint",
    request=deployment_shapes.NewEndpoint,
    responses={201: deployment_shapes.EndpointShape, **REFUSALS},
)
@api_view(["GET", "POST"])
def endpoints(request: Request) -> Response:
    """List the endpoints of models you may see, by name; or create one that serves nothing yet."""
    actor = actor_of(request)
    if request.method == "POST":
        asked = checked(deployment_shapes.NewEndpoint, request)
        asked["model"] = access.find_model(asked["model"], actor=actor)
        return Response(deployment_shapes.EndpointShape(served.create_endpoint(actor=actor, **asked)).data, status=201)
    rows = served.endpoints_visible_to(actor).filter(name__gt=text_of(request, "after"))
    page = list(rows.select_related("created_by")[: limit_of(request)])
    context = {"serving": served.serving_of(page)}
    return Response(deployment_shapes.EndpointShape(page, many=True, context=context).data)


@extend_schema(operation_id="list_running", responses={200: deployment_shapes.PlacementShape(many=True)})
@api_view(["GET"])
def running(request: Request) -> Response:
    """List what runs where, of the models you may see: each version that gets requests, or stands by."""
    found = placements(served.endpoints_visible_to(actor_of(request))[:MOST])
    return Response(deployment_shapes.PlacementShape(found, many=True).data)


@extend_schema(operation_id="read_endpoint", responses={200: deployment_shapes.EndpointWithRights})
@api_view(["GET"])
def endpoint(request: Request, name: str) -> Response:
    """Read an endpoint: what it serves, since when and by whom, what may serve, its newest rollouts."""
    found = served.find_endpoint(name, actor=actor_of(request))
    return Response(deployment_shapes.EndpointWithRights(found).data)


@extend_schema(
    operation_id="set_capacity",
    request=deployment_shapes.Capacity,
    responses={200: deployment_shapes.EndpointShape, **REFUSALS},
)
@api_view(["PATCH"])
def capacity(request: Request, name: str) -> Response:
    """Set how much an endpoint may use. The number of model servers follows within seconds."""
    actor = actor_of(request)
    found = served.find_endpoint(name, actor=actor)
    set_capacity(found, checked(deployment_shapes.Capacity, request), actor=actor)
    return Response(deployment_shapes.EndpointShape(found).data)


@extend_schema(
    operation_id="create_endpoint_token",
    request=deployment_shapes.NewEndpointToken,
    responses={201: deployment_shapes.EndpointTokenOnce, **REFUSALS},
)
@api_view(["POST"])
def tokens(request: Request, name: str) -> Response:
    """Make a token that may ask the endpoint for predictions; its text is shown this once."""
    actor = actor_of(request)
    found = served.find_endpoint(name, actor=actor)
    row, text = served.mint_endpoint_token(found, actor=actor, **checked(deployment_shapes.NewEndpointToken, request))
    told = {"pk": row.pk, "prefix": row.prefix, "expires_at": row.expires_at, "token": text}
    return Response(deployment_shapes.EndpointTokenOnce(told).data, status=201, headers={"Cache-Control": "no-store"})


@extend_schema(operation_id="revoke_endpoint_token", request=None, responses={204: None, **REFUSALS})
@api_view(["POST"])
def revoke(request: Request, name: str, token_id: int) -> Response:
    """End a token; model servers refuse it within a second."""
    actor = actor_of(request)
    served.revoke_endpoint_token(served.find_endpoint(name, actor=actor), token_id, actor=actor)
    return Response(status=204)


@extend_schema(
    operation_id="roll_back",
    request=deployment_shapes.Return,
    responses={201: deployment_shapes.RolloutWithSteps, **REFUSALS},
)
@api_view(["POST"])
def roll_back(request: Request, name: str) -> Response:
    """Return to what the endpoint served before. Takes a reason and no new signature."""
    actor = actor_of(request)
    found = served.find_endpoint(name, actor=actor)
    rollout = rollouts.roll_back(found, actor=actor, **checked(deployment_shapes.Return, request))
    return Response(deployment_shapes.RolloutWithSteps(rollout).data, status=201)


@extend_schema(
    operation_id="withdraw_version",
    request=deployment_shapes.Withdrawal,
    responses={200: deployment_shapes.EndpointWithRights, 202: deployment_shapes.RolloutWithSteps, **REFUSALS},
)
@api_view(["POST"])
def withdraw(request: Request, name: str) -> Response:
    """Take the right to serve a version away: 202 with the rollout that takes it out, 200 where it ran nowhere."""
    actor, asked = actor_of(request), checked(deployment_shapes.Withdrawal, request)
    found = served.find_endpoint(name, actor=actor)
    taken = rights.withdraw(rights.find_right(found, asked["version"]), reason=asked["reason"], actor=actor)
    if taken:
        return Response(deployment_shapes.RolloutWithSteps(taken).data, status=202)
    return Response(deployment_shapes.EndpointWithRights(found).data)
