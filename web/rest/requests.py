"""Own REST: moves, approval requests, decisions, discussion."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from core.refusals import Conflict, Invalid
from deployments.endpoints import find_endpoint
from deployments.plans import Plan
from deployments.rollouts import request_deployment
from registry import access, decisions, discussion, glass, transitions, weakening
from registry import requests as approval
from registry.listing import Box, requests_in
from registry.models.approvals import RequestState
from registry.policy import AliasMove, StageMove
from registry.requests import ApprovalRequired
from registry.stages import Stage
from web.rest import request_shapes as shapes
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.openapi import PAGE_SIZE, place
from web.rest.reading import checked, limit_of, one_of, text_of, whole

RELATED = (
    "checks",
    "rules",
    "glass__person",
    "glass__reviewed_by",
    "decisions__person",
    "decisions__for_person",
    "comments__author",
)


@extend_schema(
    operation_id="make_move",
    request=shapes.Move,
    responses={200: shapes.Outcome, 202: shapes.Outcome, **REFUSALS},
)
@api_view(["POST"])
def moves(request: Request) -> Response:
    """Move a version to a stage or alias: 200 where it moved, 202 with the request where it waits for a signature."""
    actor, asked = actor_of(request), checked(shapes.Move, request)
    version = access.find_version(asked["model"], asked["version"], actor=actor)
    if "stage" in asked:
        outcome = transitions.transition(
            version,
            to=Stage(asked["stage"]),
            archive_existing=asked["archive_existing"],
            comment=asked["reason"],
            actor=actor,
        )
    else:
        outcome = transitions.set_alias(version, asked["alias"], comment=asked["reason"], actor=actor)
    if isinstance(outcome, ApprovalRequired):
        return Response({"moved": False, "archived": [], "request": shapes.Request(outcome.request).data}, status=202)
    return Response({"moved": True, "archived": outcome.archived, "request": None})


@extend_schema(
    methods=["GET"],
    operation_id="list_requests",
    responses={200: shapes.Request(many=True)},
    parameters=[
        OpenApiParameter("state", str, enum=list(RequestState)),
        OpenApiParameter("tab", str, enum=["waiting", *(str(box) for box in Box if box)], description="all by default"),
        place("before"),
        PAGE_SIZE,
    ],
)
@extend_schema(
    methods=["POST"],
    operation_id="open_request",
    request=shapes.NewRequest,
    responses={200: shapes.Request, 201: shapes.Request, **REFUSALS},
)
@api_view(["GET", "POST"])
def requests(request: Request) -> Response:
    """List requests, newest first; or open one (200 with the one that is open already)."""
    actor = actor_of(request)
    if request.method == "POST":
        waiting = _ask(checked(shapes.NewRequest, request), actor)
        return Response(shapes.Request(waiting.request).data, status=201 if waiting.opened else 200)
    rows = requests_in(_box(request), actor=actor).prefetch_related(*RELATED)
    if state := one_of(request, "state", RequestState):
        rows = rows.filter(state=state)
    if before := whole(request, "before"):
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: limit_of(request)])
    context = {"weakened": weakening.of_each(row.model for row in found)}
    return Response(shapes.Request(found, many=True, context=context).data)


def _ask(asked: dict[str, Any], actor: Actor) -> ApprovalRequired:
    version, reason = access.find_version(asked["model"], asked["version"], actor=actor), asked["reason"]
    if "alias" in asked:
        return approval.open_request(version, AliasMove(asked["alias"]), reason=reason, actor=actor)
    move = None
    if "stage" in asked:
        move = StageMove(Stage(version.stage), Stage(asked["stage"]), archive_existing=asked["archive_existing"])
    if move and "endpoint" not in asked:
        return approval.open_request(version, move, reason=reason, actor=actor)
    endpoint = find_endpoint(asked["endpoint"], actor=actor)
    return request_deployment(version, endpoint, Plan.asked(asked["plan"]), reason=reason, actor=actor, move=move)


def _box(request: Request) -> Box:
    name = text_of(request, "tab") or Box.ALL
    try:
        return Box("" if name == "waiting" else name)
    except ValueError as why:
        raise Invalid("tab is waiting, mine, all or done.", field="tab") from why


@extend_schema(operation_id="read_request", responses={200: shapes.Request})
@api_view(["GET"])
def one(request: Request, number: int) -> Response:
    """Read a request with its checks, decisions and discussion."""
    return Response(shapes.Request(approval.find_request(number, actor=actor_of(request))).data)


@extend_schema(operation_id="decide", request=shapes.NewDecision, responses={201: shapes.DecisionShape, **REFUSALS})
@api_view(["POST"])
def decide(request: Request, number: int) -> Response:
    """Approve one digest, whole or up to a share of its plan, reject it, or send it back for changes.

    Needs the scope `decide`; 409 where the request is stale, with what changed.
    """
    actor, asked = actor_of(request), checked(shapes.NewDecision, request)
    found = approval.find_request(number, actor=actor)
    choice = decisions.Choice(
        asked["verdict"],
        asked["subject_digest"],
        asked["comment"],
        asked["accepted"],
        asked["up_to_pct"],
        asked["weakened"],
    )
    outcome = decisions.decide(found, choice, actor=actor)
    if isinstance(outcome, decisions.Moved):
        raise Conflict(f"Request #{number} no longer holds. {outcome.past.why}", next_step="Open a new request.")
    return Response(shapes.DecisionShape(outcome).data, status=201)


@extend_schema(operation_id="break_glass", request=shapes.Glass, responses={200: shapes.Request, **REFUSALS})
@api_view(["POST"])
def break_glass(request: Request, number: int) -> Response:
    """Let a request through in an emergency, where its policies allow it. Needs the scope `decide`."""
    actor, asked = actor_of(request), checked(shapes.Glass, request)
    found = approval.find_request(number, actor=actor)
    outcome = glass.break_glass(found, digest=asked["subject_digest"], reason=asked["reason"], actor=actor)
    if isinstance(outcome, decisions.Moved):
        raise Conflict(f"Request #{number} no longer holds. {outcome.past.why}", next_step="Open a new request.")
    return Response(shapes.Request(approval.find_request(number, actor=actor)).data)


@extend_schema(
    operation_id="review_glass",
    request=shapes.NewComment,
    responses={200: shapes.Request, **REFUSALS},
)
@api_view(["POST"])
def review_glass(request: Request, number: int) -> Response:
    """Close the matter of a broken glass with words. Needs the scope `decide`."""
    actor, asked = actor_of(request), checked(shapes.NewComment, request)
    glass.review(approval.find_request(number, actor=actor), comment=asked["body"], actor=actor)
    return Response(shapes.Request(approval.find_request(number, actor=actor)).data)


@extend_schema(
    operation_id="comment_on_request",
    request=shapes.NewComment,
    responses={201: shapes.CommentShape, **REFUSALS},
)
@api_view(["POST"])
def comments(request: Request, number: int) -> Response:
    """Add to a request's discussion."""
    actor = actor_of(request)
    found = approval.find_request(number, actor=actor)
    comment = discussion.add_comment(found, body=checked(shapes.NewComment, request)["body"], actor=actor)
    return Response(shapes.CommentShape(comment).data, status=201)


@extend_schema(operation_id="withdraw_request", request=None, responses={200: shapes.Request, **REFUSALS})
@api_view(["POST"])
def withdraw(request: Request, number: int) -> Response:
    """End a request that was not used."""
    actor = actor_of(request)
    found = approval.find_request(number, actor=actor)
    approval.withdraw(found, comment="", actor=actor)
    return Response(shapes.Request(approval.find_request(number, actor=actor)).data)
