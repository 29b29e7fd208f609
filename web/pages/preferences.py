"""How a person likes the pages, kept with her account; the theme also in a cookie, for pages before signing in."""

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.permissions import Permission
from accounts.preferences import DENSITIES, ROWS, THEMES, TIMES, Preferences, choose, preferences_of
from core.refusals import Refusal
from web.actors import actor_of
from web.pages.forms import Form, posted
from web.pages.shell import THEME_COOKIE

if TYPE_CHECKING:
    from accounts.actors import Actor

YEAR_S = 365 * 24 * 3600


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """Show what the person chose; a POST keeps another choice."""
    user = actor_of(request).person
    form = Form(**vars(_posted(request) if request.method == "POST" else preferences_of(user)))
    if request.method == "POST":
        try:
            choose(user, _posted(request))
        except Refusal as why:
            form.blame(why)
        else:
            messages.success(request, "Kept. Your pages follow it from now on, in every browser.")
            return _with_theme(request, HttpResponseRedirect("/account/settings"), posted(request, "theme"))
    context = {
        "form": form,
        "themes": _options(THEMES),
        "densities": _options(DENSITIES),
        "times": _options(TIMES),
        "rows": _options({size: f"{size} rows" for size in ROWS}),
        "has_password": user.has_usable_password(),
        "may_decide": actor_of(request).holds(Permission.REQUEST_DECIDE),
    }
    return render(request, "account/settings.html", context, status=400 if form.errors else 200)


def _posted(request: HttpRequest) -> Preferences:
    rows = posted(request, "rows")
    return Preferences(
        theme=posted(request, "theme"),
        density=posted(request, "density"),
        times=posted(request, "times"),
        rows=int(rows) if rows in {str(size) for size in ROWS} else 0,
        single_keys=request.POST.get("single_keys") == "yes",
    )


def _options(words: dict[str, str] | dict[int, str]) -> list[dict[str, object]]:
    return [{"value": value, "label": label} for value, label in words.items()]


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep light, dark or the system's theme, for this browser and, signed in, for this person."""
    theme = request.POST.get("theme", "")
    theme = theme if theme in THEMES else ""
    actor = cast("Actor | None", getattr(request, "actor", None))
    if actor and actor.user:
        User.objects.filter(pk=actor.user.pk).update(theme=theme)
    back = request.headers.get("Referer", "/")
    same = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return _with_theme(request, HttpResponseRedirect(back if same else "/"), theme)


def _with_theme(request: HttpRequest, response: HttpResponse, theme: str) -> HttpResponse:
    secure = request.is_secure()
    response.set_cookie(THEME_COOKIE, theme, max_age=YEAR_S, samesite="Lax", httponly=True, secure=secure)
    return response
