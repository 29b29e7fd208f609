"""The page on which somebody lets another decide for her while she is away."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission, roles_with
from accounts.policy import require
from core.refusals import Invalid
from registry import delegations
from registry.models import Delegation
from web.actors import actor_of
from web.pages.forms import Form, posted


@require_http_methods(["GET", "POST"])
def delegation(request: HttpRequest) -> HttpResponse:
    """Show who decides for the person and for whom she does; a POST names somebody, or takes it back."""
    actor = actor_of(request)
    require(actor, Permission.REQUEST_DECIDE, "delegate decisions")
    form = Form(to=posted(request, "to"), ends_at=posted(request, "ends_at"), reason=posted(request, "reason"))
    if request.method == "GET":
        return _page(request, actor, form)
    if posted(request, "take_back"):
        delegations.take_back(actor=actor)
        messages.success(request, "You decide for yourself again.")
        return HttpResponseRedirect("/account/delegation")
    try:
        ends_at = _end_of_day(str(form["ends_at"].value))
        made = delegations.delegate(
            str(form["to"].value), ends_at=ends_at, reason=str(form["reason"].value), actor=actor
        )
    except Invalid as why:
        form.blame(why)
        return _page(request, actor, form)
    messages.success(request, f"{made.to.username} may decide for you now.")
    return HttpResponseRedirect("/account/delegation")


def _end_of_day(text: str) -> datetime:
    """Return the last moment, in UTC, of the day that `text` names."""
    try:
        return datetime.fromisoformat(text).replace(hour=23, minute=59, second=59, tzinfo=UTC)
    except ValueError as why:
        raise Invalid("Give the last day, such as 2026-12-24.", field="ends_at") from why


def _page(request: HttpRequest, actor: Actor, form: Form) -> HttpResponse:
    deciders = User.objects.filter(groups__name__in=roles_with(Permission.REQUEST_DECIDE), is_active=True)
    names = deciders.exclude(pk=actor.person.pk).order_by("username").values_list("username", flat=True).distinct()
    context = {
        "form": form,
        "people": [{"value": name, "label": name} for name in names[:200]],
        "given": delegations.held_by(actor),
        "received": Delegation.objects.active().select_related("person").filter(to=actor.user),
    }
    return render(request, "account/delegation.html", context, status=400 if form.errors else 200)
