"""Own REST: who decides for whoever calls while she is away."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.policy import require
from registry import delegations
from registry.models import Delegation
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.reading import checked


class DelegationShape(serializers.Serializer[Any]):
    """Somebody decides in another's place until a moment: one hop, never on what that one had a part in."""

    person = serializers.CharField(source="person.username", read_only=True)
    to = serializers.CharField(source="to.username", max_length=150)
    ends_at = serializers.DateTimeField(help_text="Within the next 30 days.")
    reason = serializers.CharField(max_length=500)


class Delegations(serializers.Serializer[Any]):
    """Who decides for the caller, or null, and for whom she does."""

    given = DelegationShape(allow_null=True)
    received = DelegationShape(many=True)


@extend_schema(methods=["GET"], operation_id="read_delegation", responses={200: Delegations, **REFUSALS})
@extend_schema(
    methods=["POST"],
    operation_id="delegate",
    request=DelegationShape,
    responses={201: DelegationShape, **REFUSALS},
)
@extend_schema(methods=["DELETE"], operation_id="take_delegation_back", responses={204: None, **REFUSALS})
@api_view(["GET", "POST", "DELETE"])
def delegation(request: Request) -> Response:
    """Say who decides for you and for whom you do; name somebody, or decide for yourself again. Needs `decide`."""
    actor = actor_of(request)
    require(actor, Permission.REQUEST_DECIDE, "delegate decisions")
    if request.method == "POST":
        asked = checked(DelegationShape, request)
        made = delegations.delegate(
            asked["to"]["username"], ends_at=asked["ends_at"], reason=asked["reason"], actor=actor
        )
        return Response(DelegationShape(made).data, status=201)
    if request.method == "DELETE":
        delegations.take_back(actor=actor)
        return Response(status=204)
    received = Delegation.objects.active().select_related("person", "to").filter(to=actor.user)
    return Response(Delegations({"given": delegations.held_by(actor), "received": received}).data)
