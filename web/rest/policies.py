"""Own REST: policies, for people and for pipelines that keep them in Git."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.policy import require
from registry.policies import changes
from registry.policies.documents import SCHEMA, BadPolicy
from registry.policies.dry_run import dry_run
from web.rest import policy_shapes as shapes
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.reading import checked


@extend_schema(operation_id="list_policies", responses={200: shapes.PolicyShape(many=True)})
@api_view(["GET"])
def policies(request: Request) -> Response:
    """List the policies by name, each with its versions, newest first."""
    return Response(shapes.PolicyShape(changes.all_policies(actor=actor_of(request)), many=True).data)


@extend_schema(operation_id="read_policy_schema", responses={200: OpenApiTypes.OBJECT})
@api_view(["GET"])
def schema(request: Request) -> Response:
    """Read the JSON Schema that a policy is held to, for editors."""
    actor_of(request)
    return Response(SCHEMA)


@extend_schema(methods=["GET"], operation_id="read_policy", responses={200: shapes.PolicyShape, **REFUSALS})
@extend_schema(
    methods=["PUT"],
    operation_id="put_policy",
    request=shapes.NewVersion,
    responses={200: shapes.Put, 201: shapes.Put, **REFUSALS},
)
@api_view(["GET", "PUT"])
def policy(request: Request, name: str) -> Response:
    """Read a policy, or propose its next text: 201 where a version was made, 200 where one says that already.

    With `validate_only` nothing is kept; the answer lists what is wrong, by line.
    """
    actor = actor_of(request)
    if request.method == "GET":
        return Response(shapes.PolicyShape(changes.find_policy(name, actor=actor)).data)
    asked = checked(shapes.NewVersion, request)
    if asked["validate_only"]:
        require(actor, Permission.POLICY_PROPOSE, "propose policies")
        return Response(shapes.Put({"version": None, "problems": _problems(asked["text"], name)}).data)
    put = changes.propose(asked["text"], name=name, reason=asked["reason"], actor=actor)
    return Response(shapes.Put({"version": put.version, "problems": []}).data, status=201 if put.made else 200)


def _problems(text: str, name: str) -> list[dict[str, object]]:
    try:
        changes.checked(text, name=name)
    except BadPolicy as why:
        return [vars(problem) for problem in why.problems]
    return []


@extend_schema(operation_id="read_policy_version", responses={200: shapes.VersionShape, **REFUSALS})
@api_view(["GET"])
def version(request: Request, name: str, number: int) -> Response:
    """Read a version of a policy."""
    return Response(shapes.VersionShape(changes.find_policy_version(name, number, actor=actor_of(request))).data)


@extend_schema(operation_id="dry_run_policy", responses={200: shapes.OutcomeShape(many=True), **REFUSALS})
@api_view(["GET"])
def dry(request: Request, name: str, number: int) -> Response:
    """Say what the version would have changed for the last 50 requests."""
    actor = actor_of(request)
    found = changes.find_policy_version(name, number, actor=actor)
    return Response(shapes.OutcomeShape(dry_run(found, actor=actor), many=True).data)


@extend_schema(
    operation_id="accept_policy", request=shapes.Acceptance, responses={200: shapes.VersionShape, **REFUSALS}
)
@api_view(["POST"])
def accept(request: Request, name: str, number: int) -> Response:
    """Put a proposed version in force. Needs the scope `decide`, and another person than its author."""
    actor = actor_of(request)
    found = changes.find_policy_version(name, number, actor=actor)
    return Response(shapes.VersionShape(changes.accept(found, actor=actor, **checked(shapes.Acceptance, request))).data)


@extend_schema(operation_id="turn_policy_down", request=shapes.Words, responses={200: shapes.VersionShape, **REFUSALS})
@api_view(["POST"])
def turn_down(request: Request, name: str, number: int) -> Response:
    """End a proposal: its author withdraws it, others refuse it."""
    actor = actor_of(request)
    found = changes.find_policy_version(name, number, actor=actor)
    return Response(shapes.VersionShape(changes.turn_down(found, actor=actor, **checked(shapes.Words, request))).data)
