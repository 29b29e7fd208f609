"""The one table from a refusal to an HTTP answer, for pages, own REST and MLflow's. No 5xx for a caller's mistake."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import structlog
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from audit.denials import note_denial
from audit.record import Subject
from core.refusals import Denied, Refusal

if TYPE_CHECKING:
    from accounts.actors import Actor

MLFLOWS = ("/api/", "/ajax-api/")
OWN = "/api/v1/"
WELL_KNOWN = "/.well-known/"  # programs look there whether a server has more to say
OWN_WORDS = {400: "invalid", 404: "not_found", 500: "internal"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """The status of a refusal and the word MLflow's clients know it by."""

    status: int
    code: str


ANSWERS = {
    "invalid": Answer(400, "INVALID_PARAMETER_VALUE"),
    "already_exists": Answer(400, "RESOURCE_ALREADY_EXISTS"),
    "unauthenticated": Answer(401, "UNAUTHENTICATED"),
    "denied": Answer(403, "PERMISSION_DENIED"),
    "not_found": Answer(404, "RESOURCE_DOES_NOT_EXIST"),
    "conflict": Answer(409, "RESOURCE_CONFLICT"),
    "length_required": Answer(411, "INVALID_PARAMETER_VALUE"),
    "too_large": Answer(400, "INVALID_PARAMETER_VALUE"),
    "store_down": Answer(503, "TEMPORARILY_UNAVAILABLE"),  # no fault of the caller's; clients try again
    "store_full": Answer(507, "TEMPORARILY_UNAVAILABLE"),  # the same, and clients do not: it would not help
}


def answer_to(refusal: Refusal) -> Answer:
    """Return the status and code of `refusal`."""
    return ANSWERS.get(refusal.kind, Answer(400, "BAD_REQUEST"))


def remember(request: HttpRequest, refusal: Refusal) -> None:
    """Write a denial to the ledger, summed per minute; other refusals are only logged."""
    log.info("refused", kind=refusal.kind, message=refusal.message, path=request.path)
    actor = cast("Actor | None", getattr(request, "actor", None))
    if isinstance(refusal, Denied) and actor is not None:
        about = (
            refusal.about
            if isinstance(refusal.about, Subject)
            else Subject("page", request.path[:64], request.path[:200])
        )
        note_denial(refusal.needs or "denied", about, actor=actor, reason=refusal.message)


def mlflow_response(request: HttpRequest, refusal: Refusal) -> JsonResponse:
    """Return the refusal as MLflow's clients read it; the sentence reaches the user verbatim."""
    remember(request, refusal)
    answer = answer_to(refusal)
    response = JsonResponse({"error_code": answer.code, "message": refusal.sentence}, status=answer.status)
    if answer.status == 401:  # noqa: PLR2004 - HTTP
        response["WWW-Authenticate"] = 'Basic realm="mlflow"'
    return response


def rest_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return own REST's answer: {"error", "message", "next_step", "field"}; None leaves a fault to the 500 page."""
    request = context["request"]._request
    if isinstance(error, Refusal):
        remember(request, error)
        body = {"error": error.kind, "message": error.message, "next_step": error.next_step}
        if field := getattr(error, "field", ""):
            body["field"] = field
        return Response(body, status=answer_to(error).status)
    if isinstance(error, Http404):
        return Response({"error": "not_found", "message": "There is nothing here."}, status=404)
    if isinstance(error, exceptions.ValidationError):
        return Response({"error": "invalid", "message": "Some fields are wrong.", "fields": error.detail}, status=400)
    if isinstance(error, exceptions.APIException):
        return Response({"error": error.default_code, "message": str(error.detail)}, status=error.status_code)
    return None


def is_api(request: HttpRequest) -> bool:
    """Whether one of the APIs is called."""
    return request.path.startswith(MLFLOWS)


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller is a program."""
    accepts = request.headers.get("Accept", "")
    return (
        is_api(request)
        or request.path.startswith(WELL_KNOWN)
        or ("application/json" in accepts and "text/html" not in accepts)
    )


def fault(request: HttpRequest, status: int, code: str, message: str) -> JsonResponse:
    """Return what no view answers, in the shape of the API that was called; `code` is MLflow's word for it."""
    if request.path.startswith(MLFLOWS) and not request.path.startswith(OWN):
        return JsonResponse({"error_code": code, "message": message}, status=status)
    return JsonResponse({"error": OWN_WORDS[status], "message": message, "next_step": ""}, status=status)


@csrf_exempt
def plain_not_found(request: HttpRequest) -> HttpResponse:
    """Return 404 as JSON, for API paths that do not exist."""
    return fault(request, 404, "ENDPOINT_NOT_FOUND", f"Not found: {request.method} {request.path}")
