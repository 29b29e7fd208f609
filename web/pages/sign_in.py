"""Signing in and out: password, links made on the host, the first admin's set-up."""

import time
from typing import cast
from urllib.parse import urlencode

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import links
from accounts.actors import COMMAND, Actor, Via, person, roles_of
from accounts.models import User
from accounts.permissions import Permission
from accounts.policy import require
from accounts.roles import Role
from accounts.users import create_user, subject_of
from audit.denials import note_denial
from audit.record import Subject, record
from core.refusals import Denied, Invalid, Refusal
from web.actors import METHOD_KEY, address_of, request_id_of, session_actor
from web.errors import is_api
from web.pages.forms import Form, posted

SIGNED_IN_AT = "signed_in_at"
FRESH_S = 600
LOOPBACK = {"127.0.0.1", "::1"}
BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; after five wrong tries the name rests for 15 minutes."""
    goal = _goal(request)
    if request.method == "GET":
        return _sign_in_page(request, Form(username="", password=""), goal)
    form = Form(username=posted(request, "username"), password="")
    if not AxesProxyHandler.is_allowed(request, {"username": form["username"].value}):
        return _sign_in_page(request, form, goal, throttled=True)
    user = authenticate(request, username=form["username"].value, password=request.POST.get("password", ""))
    if user is None:
        _note_refusal(request, str(form["username"].value))
        throttled = not AxesProxyHandler.is_allowed(request, {"username": form["username"].value})
        form.non_field_errors.append("The name or the password is wrong.")
        return _sign_in_page(request, form, goal, throttled=throttled)
    open_session(request, user, Via.PASSWORD)
    return HttpResponseRedirect(goal)


def _sign_in_page(request: HttpRequest, form: Form, goal: str, *, throttled: bool = False) -> HttpResponse:
    status = 429 if throttled else 400 if form.non_field_errors else 200
    response = render(
        request, "account/login.html", {"form": form, "next": goal, "throttled": throttled}, status=status
    )
    if throttled:
        response["Retry-After"] = str(int(float(settings.AXES_COOLOFF_TIME) * 3600))
    return response


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, str] | None) -> HttpResponse:
    """Answer the try that locked the name, and those after it.

    A page that asks a signed-in person answers itself, and so does an API: its clients would repeat a 429.
    """
    if response is not None and (getattr(request, "actor", None) or is_api(request)):
        return response
    name = (credentials or {}).get("username", "")
    return _sign_in_page(request, Form(username=name, password=""), _goal(request), throttled=True)


def _goal(request: HttpRequest) -> str:
    """Return where to go afterwards: an address of this host only."""
    wish = request.POST.get("next") or request.GET.get("next") or "/"
    return (
        wish if url_has_allowed_host_and_scheme(wish, {request.get_host()}, require_https=request.is_secure()) else "/"
    )


def _note_refusal(request: HttpRequest, name: str) -> None:
    stranger = Actor(None, Via.PASSWORD, address=address_of(request), request_id=request_id_of(request))
    note_denial("session.open", Subject("user", name[:64], name[:150]), actor=stranger, reason="wrong name or password")


def open_session(request: HttpRequest, user: User, via: Via) -> None:
    """Sign `user` in with a new session and its event."""
    actor = person(user, via, address=address_of(request), request_id=request_id_of(request))
    with transaction.atomic():
        login(request, user, backend=BACKEND)
        request.session[METHOD_KEY] = str(via)
        request.session[SIGNED_IN_AT] = time.time()
        record("session.opened", subject_of(user), actor=actor)


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person signed in within the last ten minutes."""
    return time.time() - float(request.session.get(SIGNED_IN_AT, 0)) < FRESH_S


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session; doing it again is harmless."""
    actor = session_actor(request)
    if actor and actor.user:
        with transaction.atomic():
            record("session.closed", subject_of(actor.user), actor=actor)
            logout(request)
    return HttpResponseRedirect("/login")


@never_cache
@require_http_methods(["GET", "POST"])
def by_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Show whose link it is; sign her in on POST, so that a preview of the link uses nothing up."""
    _loopback_only(request)
    link = links.find_link(secret, demo_run=settings.DEMO_RUN)
    if link.user is None:
        return HttpResponseRedirect(f"/setup/{secret}")
    if request.method == "GET":
        shown = {"username": link.user.username, "role_names": [role.label for role in sorted(roles_of(link.user))]}
        return render(request, "account/sign_in_link.html", {"person": shown, "lasting": bool(link.demo_run)})
    links.use_link(secret, demo_run=settings.DEMO_RUN)
    open_session(request, link.user, Via.SIGN_IN_LINK)
    return HttpResponseRedirect("/")


@never_cache
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest, secret: str) -> HttpResponse:
    """Let the holder of a set-up link make the first admin's account."""
    _loopback_only(request)
    link = links.find_link(secret, demo_run=settings.DEMO_RUN)
    if link.user is not None or User.objects.filter(groups__name=Role.ADMIN, is_active=True).exists():
        raise Denied("There is an admin already.", next_step="Ask her to create your account.")
    form = Form(username=posted(request, "username"), password="")
    if request.method == "POST" and (user := _first_admin(request, form, secret)):
        open_session(request, user, Via.PASSWORD)
        return HttpResponseRedirect("/")
    return render(request, "account/setup.html", {"form": form}, status=400 if form.errors else 200)


def _first_admin(request: HttpRequest, form: Form, secret: str) -> User | None:
    password = request.POST.get("password", "")
    try:
        validate_password(password, User(username=str(form["username"].value)))
        with transaction.atomic():
            user = create_user(str(form["username"].value), roles=[Role.ADMIN], password=password, actor=COMMAND)
            links.use_link(secret, demo_run=settings.DEMO_RUN)
    except ValidationError as why:
        form["password"].errors.extend(why.messages)
    except Invalid as why:
        form["username"].errors.append(why.sentence)
    except Refusal as why:
        form.blame(why)
    else:
        return user
    return None


def _loopback_only(request: HttpRequest) -> None:
    if address_of(request) not in LOOPBACK:
        raise Denied(
            "Sign-in links work on the host itself only.",
            next_step="Open the link there, or sign in with your password.",
        )


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send the admin site's sign-in to ours, so that throttling and events are the same.

    Whoever is signed in and comes here may not read the admin site: she is told which role it takes.
    """
    actor = cast("Actor | None", getattr(request, "actor", None))
    if actor:
        require(actor, Permission.ADMIN_READ, "open the admin site")
        return HttpResponseRedirect(_goal(request))
    return HttpResponseRedirect("/login?" + urlencode({"next": request.GET.get("next", "/admin/")}))
