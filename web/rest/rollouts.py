"""Own REST: rollouts."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from deployments import endpoints, interventions, steering
from deployments import rollouts as changes
from deployments.models import Rollout
from deployments.plans import Plan
from deployments.states import RolloutState
from monitoring import copies
from registry import access
from web.rest import deployment_shapes
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.openapi import PAGE_SIZE, place
from web.rest.reading import checked, limit_of, one_of, text_of, whole


@extend_schema(
    methods=["GET"],
    operation_id="list_rollouts",
    responses={200: deployment_shapes.RolloutShape(many=True)},
    parameters=[
        OpenApiParameter("endpoint", str),
        OpenApiParameter("state", str, enum=list(RolloutState)),
        place("before"),
        PAGE_SIZE,
    ],
)
@extend_schema(
    methods=["POST"],
    operation_id="start_rollout",
    request=deployment_shapes.NewRollout,
    responses={201: deployment_shapes.RolloutWithSteps, **REFUSALS},
)
@api_view(["GET", "POST"])
def rollouts(request: Request) -> Response:
    """List rollouts, newest first; or start one (the same again is the one that is under way)."""
    actor = actor_of(request)
    if request.method == "POST":
        asked = checked(deployment_shapes.NewRollout, request)
        endpoint = endpoints.find_endpoint(asked["endpoint"], actor=actor)
        version = access.find_version(endpoint.model.name, asked["version"], actor=actor)
        plan = Plan.asked(asked["plan"])
        said = {"reason": asked["reason"], "accepts_code": asked["accepts_code"]}
        started = changes.start(version, endpoint, plan, **said, actor=actor)
        return Response(deployment_shapes.RolloutWithSteps(started).data, status=201)
    rows = Rollout.objects.filter(endpoint__model__in=access.visible_models(actor))
    if wanted := text_of(request, "endpoint"):
        rows = rows.filter(endpoint__name=wanted)
    if state := one_of(request, "state", RolloutState):
        rows = rows.filter(state=state)
    if before := whole(request, "before"):
        rows = rows.filter(pk__lt=before)
    rows = rows.select_related("endpoint__environment", "endpoint__model", "version", "created_by", "request").order_by(
        "-pk"
    )
    return Response(deployment_shapes.RolloutShape(rows[: limit_of(request)], many=True).data)


@extend_schema(operation_id="read_rollout", responses={200: deployment_shapes.RolloutWithSteps})
@api_view(["GET"])
def rollout(request: Request, number: int) -> Response:
    """Read a rollout with its steps."""
    found = changes.find_rollout(number, actor=actor_of(request))
    return Response(deployment_shapes.RolloutWithSteps(found).data)


@extend_schema(
    operation_id="list_disagreements",
    responses={200: deployment_shapes.Disagreement(many=True)},
    parameters=[place("before"), PAGE_SIZE],
)
@api_view(["GET"])
def disagreements(request: Request, number: int) -> Response:
    """List requests that a version which gets copies answered otherwise than the live one, newest first."""
    found = changes.find_rollout(number, actor=actor_of(request))
    within = Plan.of(found.plan).copy_rules.within
    rows = copies.differing(str(found.uuid), within)
    if before := whole(request, "before"):
        rows = rows.filter(pk__lt=before)
    told = copies.disagreements(rows.order_by("-pk")[: limit_of(request)])
    return Response(deployment_shapes.Disagreement(told, many=True).data)


@extend_schema(
    operation_id="cancel_rollout",
    request=deployment_shapes.Reason,
    responses={200: deployment_shapes.RolloutWithSteps, **REFUSALS},
)
@api_view(["POST"])
def cancel(request: Request, number: int) -> Response:
    """End a queued rollout before it starts."""
    actor = actor_of(request)
    found = changes.find_rollout(number, actor=actor)
    changes.cancel(found, actor=actor, **checked(deployment_shapes.Reason, request))
    return Response(deployment_shapes.RolloutWithSteps(changes.find_rollout(number, actor=actor)).data)


@extend_schema(
    operation_id="intervene",
    request=deployment_shapes.Intervention,
    responses={200: deployment_shapes.RolloutWithSteps, **REFUSALS},
)
@api_view(["POST"])
def intervene(request: Request, number: int) -> Response:
    """Resume, turn back or give up a rollout that needs an operator."""
    actor, asked = actor_of(request), checked(deployment_shapes.Intervention, request)
    found = changes.find_rollout(number, actor=actor)
    interventions.BY_NAME[asked["do"]](found, reason=asked["reason"], actor=actor)
    return Response(deployment_shapes.RolloutWithSteps(changes.find_rollout(number, actor=actor)).data)


@extend_schema(
    operation_id="steer",
    request=deployment_shapes.Steering,
    responses={200: deployment_shapes.RolloutWithSteps, **REFUSALS},
)
@api_view(["POST"])
def steer(request: Request, number: int) -> Response:
    """Pause, let go on, promote or send back a canary that is under way."""
    actor, asked = actor_of(request), checked(deployment_shapes.Steering, request)
    found = changes.find_rollout(number, actor=actor)
    do = steering.BY_NAME[asked["do"]]
    seen = {"share_pct": asked.get("share_pct")} if do in steering.AT_A_SHARE else {}
    do(found, reason=asked["reason"], actor=actor, **seen)
    return Response(deployment_shapes.RolloutWithSteps(changes.find_rollout(number, actor=actor)).data)
