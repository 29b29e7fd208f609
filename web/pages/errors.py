"""Error pages: what happened, why, and what to do next."""

from urllib.parse import urlencode

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from accounts.permissions import Permission
from core.refusals import Denied, Refusal
from registry.models import RegisteredModel
from web import errors
from web.actors import request_id_of
from web.pages.needed import needed

TITLES = {
    400: "That does not fit",
    401: "Sign in first",
    403: "You may not do this",
    404: "There is nothing here",
    409: "Not in this state",
    429: "Too many tries",
    500: "Something broke on our side",
}


def to_login(request: HttpRequest) -> HttpResponse:
    """Send a visitor to the sign-in page and back afterwards."""
    return HttpResponseRedirect("/login?" + urlencode({"next": request.get_full_path()}))


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Return the page (or JSON, by Accept) of a refusal."""
    answer = errors.answer_to(refusal)
    status = 409 if refusal.kind == "already_exists" else answer.status
    if errors.wants_json(request):
        return JsonResponse({"error_code": answer.code, "message": refusal.sentence}, status=status)
    return error_page(request, status, refusal.message, next_step=refusal.next_step, extra=_who_could(refusal))


def error_page(
    request: HttpRequest, status: int, message: str, *, next_step: str = "", extra: dict[str, object] | None = None
) -> HttpResponse:
    """Render `errors/<status>.html`."""
    context = {
        "title": TITLES.get(status, "Not possible"),
        "message": message,
        "next_step": next_step,
        "request_id": request_id_of(request),
        "near": [],
        "json_href": "",
        **(extra or {}),
    }
    return render(request, f"errors/{status}.html", context, status=status)


def _who_could(refusal: Refusal) -> dict[str, object]:
    """For a 403: the roles that may, the admins who can give them, the link to ask."""
    if not isinstance(refusal, Denied) or refusal.needs not in set(Permission):
        return {}
    return needed(Permission(refusal.needs))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 for what Django itself refuses: the admin site does, where a role is missing or rows are only read."""
    del exception
    refusal = Denied("The admin site does not do that for you: what it only shows, nobody changes here.")
    errors.remember(request, refusal)
    return refused(request, refusal)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, with models of a near name."""
    del exception
    if errors.wants_json(request):
        return errors.plain_not_found(request)
    return error_page(
        request,
        404,
        "No page has this address.",
        next_step="Search for the model, or start from home.",
        extra={"near": _near(request)},
    )


def _near(request: HttpRequest) -> list[dict[str, str]]:
    actor = getattr(request, "actor", None)
    word = request.path.strip("/").rsplit("/", 1)[-1][:40]
    if actor is None or not word:
        return []
    found = RegisteredModel.objects.visible_to(actor).filter(name__icontains=word).order_by("name")[:5]
    return [{"label": model.name, "href": f"/models/{model.name}"} for model in found]


def broken(request: HttpRequest) -> HttpResponse:
    """500, with the id that finds the log line. Renders nothing that needs the database."""
    if errors.wants_json(request):
        return errors.fault(request, 500, "INTERNAL_ERROR", f"Request {request_id_of(request)} failed on our side.")
    context = {
        "title": TITLES[500],
        "message": "The request failed. Nothing was half done: each change is one transaction.",
        "request_id": request_id_of(request),
    }
    return HttpResponse(render_to_string("errors/500.html", context), status=500)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for what Django itself refuses."""
    if isinstance(exception, DisallowedHost):  # a page would ask for the host again
        words = "Signoff does not answer under this host name. An operator adds it to SIGNOFF_ALLOWED_HOSTS.\n"
        return HttpResponse(words, content_type="text/plain; charset=utf-8", status=400)
    if errors.wants_json(request):
        return errors.fault(request, 400, "BAD_REQUEST", "The request cannot be read.")
    return error_page(request, 400, "The request cannot be read.", next_step="Go back and try again.")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is old or foreign; what was typed is still in the browser."""
    del reason
    context = {
        "title": "This form is out of date",
        "message": "You signed in or out since you opened it, or it came from another site. Nothing was changed.",
        "next_step": "Go back, reload the page and send it again: the browser keeps what you typed.",
        "request_id": request_id_of(request),
        "near": [],
    }
    return render(request, "errors/csrf.html", context, status=403)
