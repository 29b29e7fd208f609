"""What every request passes: an id for its logs, the security headers, the person signed in, refusals as pages."""

import uuid
from collections.abc import Callable
from typing import cast

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from core.refusals import Refusal, Unauthenticated
from web import actors, errors
from web.pages import errors as error_pages

Next = Callable[[HttpRequest], HttpResponse]
POLICY = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TRUSTED_TYPES = "; require-trusted-types-for 'script'; trusted-types {maker}"
PACKET = 1_400  # bytes that travel in one; packing a smaller answer makes nobody faster
PLAIN_ID = range(8, 65)  # characters of a caller's own request id


class RequestContext:
    """Gives the request an id (the caller's where it is a plain one), on every log line and in the answer."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the id, answer, send it back."""
        sent = request.headers.get("X-Request-Id", "")
        request_id = (
            sent if len(sent) in PLAIN_ID and sent.replace("-", "").isalnum() and sent.isascii() else uuid.uuid4().hex
        )
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


class Compression(GZipMiddleware):
    """Sends pages and JSON compressed; artifacts and what is streamed stay as they are, byte for byte."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the answer, smaller where its reader takes that. Django pads it, so that its length tells nothing."""
        kind = response.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in {"text/html", "application/json"}:
            return response
        if kind == "application/json" and len(cast("HttpResponse", response).content) < PACKET:
            return response
        return super().process_response(request, response)


class ContentSecurityPolicy:
    """Sets the policy; Trusted Types everywhere but the stock admin and the APIs."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the header on."""
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", _policy(request))
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


def _policy(request: HttpRequest) -> str:
    """Return the policy; a page with a live part names its nonce and lets htmx alone make markup."""
    nonce = getattr(request, "csp_nonce", "")
    policy = POLICY.format(nonce=f" 'nonce-{nonce}'" if nonce else "")
    if request.path.startswith(("/admin", "/api", "/ajax-api")):
        return policy
    return policy + TRUSTED_TYPES.format(maker="htmx" if nonce else "'none'")


class SignedIn:
    """Puts the session's person on the request as `actor`; None where nobody is signed in."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look the person up and go on. API calls name theirs by header instead."""
        is_api = request.path.startswith(("/api/", "/ajax-api/"))
        request.actor = None if is_api else actors.session_actor(request)  # type: ignore[attr-defined]
        return self.get_response(request)


class Refusals:
    """Turns a refusal that reaches the top of a page into that page's error; sign-in first where nobody is."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Go on; exceptions come to `process_exception`."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page for a Refusal, None for a fault."""
        if isinstance(error, Unauthenticated) and not errors.wants_json(request):
            return error_pages.to_login(request)
        if isinstance(error, Refusal):
            errors.remember(request, error)
            return error_pages.refused(request, error)
        return None
