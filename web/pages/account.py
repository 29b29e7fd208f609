"""A person's own pages: API tokens, asking for a role."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import tokens, users
from accounts.actors import Actor
from accounts.models import AccessRequest, ApiToken, User
from accounts.permissions import Scope
from accounts.roles import Role
from core.refusals import Invalid, Refusal
from web.actors import actor_of
from web.pages import passwords
from web.pages.forms import Form, posted, whole_number
from web.pages.sign_in import is_fresh


@never_cache
@require_http_methods(["GET", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """List the person's tokens; a POST makes one and shows it this once."""
    actor = actor_of(request)
    form = Form(label="", days="30", scopes=[], password="")
    new = _mint(request, actor, form) if request.method == "POST" else None
    user = cast("User", actor.user)
    context = {
        "tokens": ApiToken.objects.filter(user=user)[:200],
        "new_token": new,
        "fresh": is_fresh(request),
        "form": form,
        "max_days": settings.TOKEN_TTL_DAYS,
    }
    return render(request, "account/tokens.html", context, status=400 if form.errors else 200)


def _mint(request: HttpRequest, actor: Actor, form: Form) -> str | None:
    user = cast("User", actor.user)
    asked = request.POST.getlist("scopes")
    form["label"].value, form["days"].value, form["scopes"].value = (
        posted(request, "label"),
        posted(request, "days"),
        asked,
    )
    try:
        if unknown := [scope for scope in asked if scope not in set(Scope)]:
            raise Invalid(f"There is no scope {unknown[0]}.", field="scopes")
        days = whole_number(posted(request, "days"), "days", 1, settings.TOKEN_TTL_DAYS)
        scopes = [Scope(scope) for scope in asked]
        fresh = is_fresh(request) or (Scope.DECIDE in scopes and passwords.proves(request, user))
        return tokens.mint(user, label=posted(request, "label"), scopes=scopes, days=days, actor=actor, fresh=fresh)[1]
    except Refusal as why:
        form.blame(why)
        return None


@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """End one of the person's tokens."""
    actor = actor_of(request)
    tokens.revoke(cast("User", actor.user), token_id=token_id, actor=actor)
    messages.success(request, "The token is revoked: the next call with it is refused.")
    return HttpResponseRedirect("/account/tokens")


@require_http_methods(["GET", "POST"])
def access(request: HttpRequest) -> HttpResponse:
    """Ask an admin for a role."""
    actor = actor_of(request)
    user = cast("User", actor.user)
    form = Form(role=request.POST.get("role") or request.GET.get("role", ""), reason=posted(request, "reason"))
    if request.method == "POST" and _ask(form, user, actor):
        messages.success(request, "Asked. An admin sees it in the admin site; you keep what you had until then.")
        return HttpResponseRedirect("/account/access")
    context = {
        "form": form,
        "roles": [{"value": str(role), "label": role.label} for role in Role if role not in actor.roles],
        "open": [Role(wish.role).label for wish in AccessRequest.objects.filter(user=user, settled_at=None)],
        "held": [role.label for role in sorted(actor.roles)],
        "admins": list(
            User.objects.filter(groups__name=Role.ADMIN, is_active=True).values_list("username", flat=True)[:10]
        ),
    }
    return render(request, "account/access.html", context, status=400 if form.errors else 200)


def _ask(form: Form, user: User, actor: Actor) -> bool:
    try:
        if form["role"].value not in set(Role):
            raise Invalid("Choose a role.", field="role")
        users.request_access(user, role=Role(str(form["role"].value)), reason=str(form["reason"].value), actor=actor)
    except Refusal as why:
        form.blame(why)
    return not form.errors
