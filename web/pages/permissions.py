"""The page of a model's rights: who owns it, whether it is restricted, what was given to whom."""

from django.contrib import messages
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import Permission
from core.refusals import Conflict, Invalid
from registry import access, data_policy, grants, protection, registered
from registry.grants import Grant, Right
from web.actors import actor_of
from web.pages import labels
from web.pages.forms import Form, posted
from web.pages.models import tabs


@require_GET
def permissions(request: HttpRequest, name: str) -> HttpResponse:
    """Show the rights on a model."""
    return _page(request, name, _form())


def _form(**typed: str) -> Form:
    return Form(**{"holder": "", "right": "read", "alias": "", "data_policy": "", "outcome_values": "", **typed})


def _page(request: HttpRequest, name: str, form: Form) -> HttpResponse:
    actor = actor_of(request)
    model = access.find_model(name, actor=actor)
    path = f"{labels.model_path(name)}/permissions"
    context = {
        "model": model,
        "tabs": tabs(model, "permissions"),
        "grants": grants.grants_of(model),
        "may_give": grants.may_give(model, actor=actor),
        "may_restrict": access.may(actor, Permission.MODEL_WRITE, model),
        "protected": protection.protected(model),
        "may_protect": protection.may_protect(model, actor=actor),
        "may_release": protection.may_release(actor=actor),
        "data_policy": data_policy.policy_of(model),
        "outcome_values": model.outcome_values,
        "path": path,
        "form": form,
        "holders": [f"group:{name}" for name in Group.objects.order_by("name").values_list("name", flat=True)],
        "rights": [{"value": str(right), "label": str(right)} for right in Right],
    }
    return render(request, "models/permissions.html", context, status=400 if form.errors else 200)


@require_POST
def give(request: HttpRequest, name: str) -> HttpResponse:
    """Give a right: `holder` is a person's name, or `group:` and a group's."""
    actor = actor_of(request)
    form = _form(holder=posted(request, "holder"), right=posted(request, "right"))
    try:
        grants.give(access.find_model(name, actor=actor), _grant(form), actor=actor)
    except Invalid as why:
        form["holder"].errors.append(why.sentence)
        return _page(request, name, form)
    messages.success(request, "The right is given.")
    return HttpResponseRedirect(f"{labels.model_path(name)}/permissions")


@require_POST
def take(request: HttpRequest, name: str) -> HttpResponse:
    """Take a right away."""
    actor = actor_of(request)
    form = _form(holder=posted(request, "holder"), right=posted(request, "right"))
    grants.take(access.find_model(name, actor=actor), _grant(form), actor=actor)
    messages.success(request, "The right is taken away.")
    return HttpResponseRedirect(f"{labels.model_path(name)}/permissions")


def _grant(form: Form) -> Grant:
    holder, right = str(form["holder"].value), str(form["right"].value)
    if right not in set(Right):
        raise Invalid("The right is read or write.", field="right")
    kind = "group" if holder.startswith("group:") else "person"
    return Grant(kind, holder.removeprefix("group:"), Right(right))


@require_POST
def protect(request: HttpRequest, name: str) -> HttpResponse:
    """Protect an alias of the model, or let it move without a signature again."""
    actor = actor_of(request)
    model = access.find_model(name, actor=actor)
    form = _form(alias=posted(request, "alias"))
    change = protection.release if request.POST.get("protected") == "no" else protection.protect
    try:
        change(model, str(form["alias"].value), actor=actor)
    except (Invalid, Conflict) as why:
        form["alias"].errors.append(why.sentence)
        return _page(request, name, form)
    messages.success(request, "Saved. Requests opened before it must be asked for again.")
    return HttpResponseRedirect(f"{labels.model_path(name)}/permissions")


@require_POST
def restrict(request: HttpRequest, name: str) -> HttpResponse:
    """Restrict the model to its owner and those with a right, or open it to everyone with a role."""
    actor = actor_of(request)
    restricted = request.POST.get("restricted") == "yes"
    registered.update_model(access.find_model(name, actor=actor), actor=actor, restricted=restricted)
    messages.success(
        request,
        "Only its owner and those with a right see it now." if restricted else "Everyone with a role sees it now.",
    )
    return HttpResponseRedirect(f"{labels.model_path(name)}/permissions")


@require_POST
def tell_data(request: HttpRequest, name: str) -> HttpResponse:
    """Say what may be told of the values that callers send: `share_pct`, and columns one a line or between commas."""
    actor = actor_of(request)
    form = _form()
    try:
        asked = {"share_pct": _percent(posted(request, "share_pct"))}
        columns = {which: _columns(posted(request, which)) for which in ("dropped", "hashed")}
        model = access.find_model(name, actor=actor)
        registered.update_model(model, actor=actor, data_policy={**asked, **columns})
    except Invalid as why:
        form["data_policy"].errors.append(why.sentence)
        return _page(request, name, form)
    messages.success(request, "Saved. Model servers follow within a second; counts of those columns are forgotten.")
    return HttpResponseRedirect(f"{labels.model_path(name)}/permissions")


@require_POST
def value_outcomes(request: HttpRequest, name: str) -> HttpResponse:
    """Say what each outcome is worth: a line each of what was true, what was said, and the value, between commas."""
    actor, typed = actor_of(request), posted(request, "outcome_values")
    form = _form(outcome_values=typed)
    try:
        cells = [_cell(line) for line in typed.splitlines() if line.strip()]
        registered.update_model(access.find_model(name, actor=actor), actor=actor, outcome_values=cells)
    except Invalid as why:
        form["outcome_values"].errors.append(why.sentence)
        return _page(request, name, form)
    messages.success(request, "Saved. Monitoring tells the value of outcomes by it from now on.")
    return HttpResponseRedirect(f"{labels.model_path(name)}/permissions")


def _cell(line: str) -> dict[str, object]:
    parts = [part.strip() for part in line.split(",")]
    try:
        truth, said, value = parts
        return {"truth": truth, "said": said, "value": float(value)}
    except ValueError:
        raise Invalid(f"{line[:60]!r} is no truth, answer and number.", field="outcome_values") from None


def _percent(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid("The share is a number from 0 to 100.", field="data_policy") from None


def _columns(text: str) -> list[str]:
    return [name for line in text.splitlines() for word in line.split(",") if (name := word.strip())]
