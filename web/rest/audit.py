"""Own REST: the ledger."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.policy import require
from audit import proof, seal
from core.refusals import NotFound
from registry import history
from web.rest import shapes
from web.rest.authentication import actor_of
from web.rest.openapi import PAGE_SIZE, place
from web.rest.reading import limit_of, moment_of, text_of, whole

FILTERS = [
    *(OpenApiParameter(name, str) for name in ("person", "action", "model", "denied")),
    *(OpenApiParameter(name, OpenApiTypes.DATETIME) for name in ("since", "until")),
]


@extend_schema(
    operation_id="list_events",
    responses={200: shapes.EventPage},
    parameters=[*FILTERS, place("before"), place("after"), PAGE_SIZE],
)
@api_view(["GET"])
def events(request: Request) -> Response:
    """List events, newest first, narrowed as on the audit page; `denied` with any value keeps refusals only."""
    actor = actor_of(request)
    require(actor, Permission.LEDGER_READ, "read the ledger")
    wanted = history.Filter(
        person=text_of(request, "person"),
        action=text_of(request, "action"),
        model=text_of(request, "model"),
        since=moment_of(request, "since"),
        until=moment_of(request, "until"),
        denied=bool(text_of(request, "denied")),
    )
    rows = wanted.apply(history.events_visible_to(actor))
    page = history.page_of(rows, before=whole(request, "before"), after=whole(request, "after"), size=limit_of(request))
    return Response(shapes.EventPage({"events": page.events, "older": page.older}).data)


@extend_schema(operation_id="read_event", responses={200: shapes.EventShape})
@api_view(["GET"])
def event(request: Request, seq: int) -> Response:
    """Read the event with a sequence number."""
    found = history.events_visible_to(actor_of(request)).filter(seal__seq=seq).first()
    if found is None:
        raise NotFound(f"There is no event #{seq}.")
    return Response(shapes.EventShape(history.tell(found)).data)


@extend_schema(operation_id="prove_event", responses={200: shapes.Proof, 409: shapes.Refused})
@api_view(["GET"])
def prove(request: Request, seq: int) -> Response:
    """Prove that an event is in the tree that the newest checkpoint signs."""
    if not history.events_visible_to(actor_of(request)).filter(seal__seq=seq).exists():
        raise NotFound(f"There is no event #{seq}.")
    return Response(shapes.Proof(proof.inclusion(seq)).data)


@extend_schema(operation_id="read_checkpoint", responses={(200, "text/plain"): OpenApiTypes.STR})
@api_view(["GET"])
def checkpoint(request: Request) -> HttpResponse:
    """The newest checkpoint as a signed note (C2SP)."""
    require(actor_of(request), Permission.LEDGER_READ, "read the ledger")
    return HttpResponse(seal.latest_note(), content_type="text/plain; charset=utf-8")
