"""A person's own password: changed by whoever knows it, or set by whoever just came in by link."""

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.actors import Via
from accounts.models import User
from accounts.users import change_password
from audit.denials import note_denial
from audit.record import Subject
from web.actors import actor_of
from web.pages.sign_in import is_fresh

WRONG = "That is not your present password."
RESTS = "Too many wrong passwords: it can be tried again in 15 minutes."
STALE = "Sign in by a new link first: a password is set within ten minutes of coming in by one."


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change the password; who has none yet, or forgot hers and came in by link, sets one."""
    user = actor_of(request).person
    form = SetPasswordForm(user, request.POST or None)
    refused = _refusal(request, user) if request.method == "POST" else ""
    if request.method == "POST" and not refused and form.is_valid():
        change_password(user, password=form.cleaned_data["new_password1"], actor=actor_of(request))
        update_session_auth_hash(request, user)
        messages.success(request, "Your password is changed. Your other sessions are over; API tokens go on.")
        return HttpResponseRedirect("/account/settings")
    rests = refused == RESTS
    context = {
        "form": form,
        "refused": refused,
        "needs_present": not _came_by_link(request) and user.has_usable_password(),
        "may_set": _came_by_link(request) or user.has_usable_password(),
        "stale": STALE,
    }
    response = render(request, "account/password.html", context, status=429 if rests else 400 if form.is_bound else 200)
    if rests:
        response["Retry-After"] = str(int(float(settings.AXES_COOLOFF_TIME) * 3600))
    return response


def _refusal(request: HttpRequest, user: User) -> str:
    """Return why this is not believed to be the person, or an empty string."""
    if _came_by_link(request):
        return ""
    if not user.has_usable_password():
        return STALE
    if proves(request, user):
        return ""
    return WRONG if _may_try(request, user) else RESTS


def _came_by_link(request: HttpRequest) -> bool:
    """Whether the host's operator let the person in a moment ago: as good as the present password."""
    return is_fresh(request) and actor_of(request).via is Via.SIGN_IN_LINK


def proves(request: HttpRequest, user: User) -> bool:
    """Whether the posted password is `user`'s; wrong ones count as at sign-in, and rest the name as there."""
    if not _may_try(request, user):
        return False
    found = authenticate(request, username=user.username, password=request.POST.get("password", ""))
    if found is None:
        about = Subject("user", str(user.pk), user.username)
        note_denial("session.open", about, actor=actor_of(request), reason="wrong present password")
    return found == user


def _may_try(request: HttpRequest, user: User) -> bool:
    allowed: bool = AxesProxyHandler.is_allowed(request, {"username": user.username})
    return allowed
