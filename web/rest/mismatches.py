"""Own REST: rows that differ from the ledger."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import Mismatch
from deployments import replayed
from web.rest.authentication import actor_of
from web.rest.models import REFUSALS
from web.rest.openapi import PAGE_SIZE
from web.rest.reading import checked, limit_of

FIELDS = ("id", "label", "kind", "key", "said", "found", "found_at", "settled_at", "settled_by", "reason")


class MismatchShape(serializers.ModelSerializer[Mismatch]):
    """What differs: `said` by the ledger, `found` in the row, null where there is none. Open until it is settled."""

    class Meta:
        model = Mismatch
        fields: tuple[str, ...] = FIELDS


class MismatchRead(MismatchShape):
    """One of them, and what its row says now."""

    now = serializers.SerializerMethodField()

    class Meta(MismatchShape.Meta):
        fields = (*FIELDS, "now")

    def get_now(self, row: Mismatch) -> str | None:
        """Return what the row says now."""
        return replayed.row_now(row)


class Settlement(serializers.Serializer[Any]):
    """The row as it was read (null: no such row), and how it was put back."""

    found = serializers.CharField(allow_null=True, allow_blank=True)
    reason = serializers.CharField(max_length=10_000)


@extend_schema(operation_id="list_mismatches", parameters=[PAGE_SIZE], responses={200: MismatchShape(many=True)})
@api_view(["GET"])
def mismatches(request: Request) -> Response:
    """List rows that differ from the ledger, open ones first, and what was settled."""
    rows = replayed.mismatches_for(actor_of(request))
    return Response(MismatchShape(rows[: limit_of(request)], many=True).data)


@extend_schema(operation_id="read_mismatch", responses={200: MismatchRead})
@api_view(["GET"])
def mismatch(request: Request, number: int) -> Response:
    """Read one, with what its row says now."""
    return Response(MismatchRead(replayed.find_mismatch(number, actor=actor_of(request))).data)


@extend_schema(operation_id="settle_mismatch", request=Settlement, responses={200: MismatchRead, **REFUSALS})
@api_view(["POST"])
def settle(request: Request, number: int) -> Response:
    """Settle one with a reason, once its row is back as the ledger says: 409 before. Needs `decide`."""
    actor = actor_of(request)
    row = replayed.find_mismatch(number, actor=actor)
    return Response(MismatchRead(replayed.settle(row, actor=actor, **checked(Settlement, request))).data)
