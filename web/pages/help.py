"""Help that belongs to this server: its keys, and the first steps of each role with its own address in them."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.actors import Actor
from registry.models import RegisteredModel
from web.pages import snippets

EXAMPLE = "Fraud-Detection"


@require_GET
def keys(request: HttpRequest) -> HttpResponse:
    """Show every shortcut."""
    return render(request, "help/keys.html", {})


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Show the first steps, from connecting a client to verifying the ledger without this server."""
    url, name = snippets.base_url(request), _name(cast("Actor | None", getattr(request, "actor", None)))
    return render(request, "help/start.html", steps(url, name))


def steps(url: str, name: str) -> dict[str, object]:
    """Return the code of each step."""
    return {
        "url": url,
        "example": name,
        "connect": snippets.connect_snippet(url),
        "register": snippets.register_snippet(name),
        "ask": snippets.promote_snippet(name, 1),
        "load": snippets.load_snippet(name, "@champion"),
        "waiting": snippets.read_snippet(url, "requests?state=open"),
        "checkpoint": snippets.read_snippet(url, "audit/checkpoint") + " >> kept.txt",
        "verify": snippets.verify_snippet(),
    }


def _name(actor: Actor | None) -> str:
    """Return the newest model the person sees, so that the code runs as it stands; else the demo's."""
    rows = RegisteredModel.objects.visible_to(actor).order_by("-pk") if actor else RegisteredModel.objects.none()
    return rows.values_list("name", flat=True).first() or EXAMPLE
