"""How the Gateway divides an endpoint's requests, and what it shows of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.plan import Sight
from deployments.targets.contract import Release, Seen
from deployments.targets.kubernetes import names
from deployments.targets.kubernetes.place import Place
from deployments.targets.kubernetes.resources import ROUTE, SERVICE, Body
from serving.contract import SHARES

NEEDED = ("Accepted", "ResolvedRefs")


@dataclass(frozen=True)
class Way:
    """A track's part of the requests: `share` of 10,000 go to `release`."""

    track: str
    release: Release
    share: int


def all_to(release: Release | None) -> list[Way]:
    """Return that every request goes to `release`; to nobody where there is none."""
    return [Way("stable", release, SHARES)] if release else []


def route(release: Release, place: Place, noted: dict[str, str], ways: Sequence[Way], step: str) -> Body:
    """Return the endpoint's route, as `release`'s rollout wants it. Without ways, requests are refused."""
    labels, where = names.endpoint_labels(release.endpoint), f"/endpoints/{release.endpoint}"
    namespace, _, gateway = place.gateway.rpartition("/")
    parent = {"name": gateway, **({"namespace": namespace} if namespace else {})}
    rule: Body = {
        "matches": [{"path": {"type": "PathPrefix", "value": where}}],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"path": _from_root()}}],
    }
    if ways:
        rule["backendRefs"] = [_backend(way, step, release.rollout) for way in ways]
    return {
        **names.headed(ROUTE, names.of_endpoint(release.endpoint), labels, noted),
        "spec": {"parentRefs": [parent], "rules": [rule]},
    }


def _from_root() -> Body:
    return {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}


def _backend(way: Way, step: str, rollout: str) -> Body:
    """Return where a way goes, and what its requests say of themselves; what a caller said of them is overwritten."""
    told = {"track": way.track, "share": str(way.share), "step": step, "rollout": rollout}
    heads = [{"name": f"x-signoff-{name}", "value": value} for name, value in told.items()]
    return {
        "kind": SERVICE.kind,
        "name": names.of_release(way.release),
        "port": 80,
        "weight": way.share,
        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": heads}}],
    }


def seen(body: Body | None, key: str) -> Seen:
    """Return how far the gateway follows the route that the step of `key` wrote."""
    if body is None or names.note(body, names.KEY) != key:
        return Seen(Sight.ABSENT)
    facts = {"shares": shares(body)}
    parents = body.get("status", {}).get("parents", [])
    if not parents:
        return Seen(Sight.UNDER_WAY, facts, "no gateway has taken the route up yet")
    for parent in parents:
        held = {one["type"]: one for one in parent.get("conditions", [])}
        for name in NEEDED:
            one = held.get(name)
            if one is None or one.get("observedGeneration", 0) < body["metadata"].get("generation", 0):
                return Seen(Sight.UNDER_WAY, facts, "the gateway has not taken the route up yet")
            if one["status"] != "True":
                return Seen(Sight.UNDER_WAY, facts, f"the gateway says: {one.get('message') or one.get('reason')}")
    return Seen(Sight.REACHED, facts)


def shares(body: Body) -> dict[str, int]:
    """Return the shares of 10,000 that the route gives, by track."""
    rules = body.get("spec", {}).get("rules", [])
    return {_track(one): one.get("weight", 1) for rule in rules for one in rule.get("backendRefs", [])}


def _track(backend: Body) -> str:
    heads = [head for way in backend.get("filters", []) for head in way.get("requestHeaderModifier", {}).get("set", [])]
    return next((head["value"] for head in heads if head["name"] == "x-signoff-track"), "stable")
