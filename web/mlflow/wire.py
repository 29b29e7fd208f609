"""Turns plain functions into MLflow's endpoints: who calls, what she sent, and refusals as the clients read them."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.actors import Actor
from core.refusals import Invalid, Refusal
from web.actors import api_actor
from web.errors import mlflow_response
from web.mlflow.fields import Fields, read_body, read_query

log = structlog.get_logger(__name__)
Json = dict[str, object]


@dataclass(frozen=True)
class Call:
    """One call: who makes it and the fields she sent."""

    request: HttpRequest
    actor: Actor
    fields: Fields


Handler = Callable[[Call], Json | HttpResponseBase]
View = Callable[..., HttpResponseBase]


def wire(**handlers: Handler) -> View:
    """Return the view that answers each named method by its handler; callers prove themselves at every call."""

    @csrf_exempt
    def view(request: HttpRequest, **named: str) -> HttpResponseBase:
        handler = handlers.get("GET" if request.method == "HEAD" else str(request.method))
        if handler is None:
            return _wrong_method(request, sorted(handlers))
        try:
            return _answer(handler, request, named)
        except Refusal as refusal:
            return mlflow_response(request, refusal)

    view.methods = frozenset(handlers)  # type: ignore[attr-defined]  # the access matrix reads it
    return view


def _answer(handler: Handler, request: HttpRequest, named: dict[str, str]) -> HttpResponseBase:
    request.actor = actor = api_actor(request)  # type: ignore[attr-defined]
    read = read_body if _is_in_body(request) else read_query
    try:
        said = handler(Call(request, actor, read(request, named)))
    except (DataError, OverflowError) as why:
        log.warning("value out of range", error=str(why))
        raise Invalid("A value is too long or out of range.") from why
    return said if isinstance(said, HttpResponseBase) else JsonResponse(said)


def _is_in_body(request: HttpRequest) -> bool:
    """Whether the fields stand in a JSON body: of a GET or DELETE where it has no query, as MLflow reads them."""
    if request.method == "GET":
        return not request.GET and request.META.get("CONTENT_LENGTH", "") not in {"", "0"}
    return request.method in {"POST", "PATCH"} or (request.method == "DELETE" and not request.GET)


def _wrong_method(request: HttpRequest, allowed: list[str]) -> HttpResponse:
    message = f"{request.path} does not take {request.method}; it takes {', '.join(allowed)}."
    return JsonResponse(
        {"error_code": "BAD_REQUEST", "message": message}, status=405, headers={"Allow": ", ".join(allowed)}
    )
