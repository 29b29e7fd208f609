"""The JSON of a page: the read of own REST that answers with the same things, under the same filters."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.http import HttpRequest
from django.urls import resolve

BASE = "/api/v1/"


@dataclass(frozen=True)
class Twin:
    """Where own REST has a page's content: a path with the page's own arguments, and the query it takes over."""

    path: str
    keeps: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()


PLACE = ("before", "after")
TWINS = {
    "pages:models": Twin("models", ("q", "owner", "stage", "risk")),
    "pages:model": Twin("models/{name}"),
    "pages:version": Twin("models/{name}/versions/{number}"),
    "pages:card": Twin("models/{name}/versions/{number}/card"),
    "pages:compare": Twin("models/{name}/compare", ("v",)),
    "pages:model-history": Twin("models/{name}/history", ("at",)),
    "pages:run": Twin("runs/{run_id}"),
    "pages:approvals": Twin("requests", ("tab", "before"), (("tab", "waiting"),)),
    "pages:review": Twin("requests/{number}"),
    "pages:policies": Twin("policies"),
    "pages:policy": Twin("policies/{name}"),
    "pages:policy-version": Twin("policies/{name}/versions/{number}"),
    "pages:endpoints": Twin("endpoints"),
    "pages:running": Twin("running"),
    "pages:endpoint": Twin("endpoints/{name}"),
    "pages:drift": Twin("endpoints/{name}/drift", ("version",)),
    "pages:deployments": Twin("rollouts", ("before",)),
    "pages:deployment": Twin("rollouts/{number}"),
    "pages:audit": Twin("audit/events", ("person", "action", "model", "since", "until", "denied", *PLACE)),
    "pages:mismatches": Twin("audit/mismatches"),
    "pages:mismatch": Twin("audit/mismatches/{number}"),
    "pages:event": Twin("audit/events/{seq}"),
}


def twin_of(request: HttpRequest) -> str:
    """Return the address of the page's JSON, or an empty string for a page that has none."""
    place = request.resolver_match
    twin = TWINS.get(place.view_name) if place else None
    if place is None or twin is None:
        return ""
    path = BASE + twin.path.format(**{name: quote(str(value), safe="") for name, value in place.kwargs.items()})
    if "rest" not in resolve(path).namespaces:
        return ""
    query = {name: request.GET.getlist(name) for name in twin.keeps if any(request.GET.getlist(name))}
    query = {name: [value] for name, value in twin.more} | query
    if per := request.GET.get("per"):
        query["limit"] = [per]
    return f"{path}?{urlencode(query, doseq=True)}" if query else path
