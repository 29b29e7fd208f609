"""The Kubernetes target: Deployments behind a Gateway's HTTPRoute, written so that a late engine can change nothing.

Every write is made on top of what was read before the endpoint's fence was taken; see `fences`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from deployments import pods as tokens
from deployments.plan import ALL, Sight, Strategy
from deployments.targets.contract import Capabilities, GiveUp, Release, Seen, Split, StaleFence, Step, TryAgain
from deployments.targets.families import differ, family
from deployments.targets.kubernetes import fences, names, place, routes, sight, workload
from deployments.targets.kubernetes.cluster import Cluster, Conflict
from deployments.targets.kubernetes.place import Place
from deployments.targets.kubernetes.resources import (
    AUTOSCALER,
    BUDGET,
    DEPLOYMENT,
    NETWORK_POLICY,
    OF_ENDPOINT,
    OF_RELEASE,
    POD,
    ROUTE,
    SECRET,
    SERVICE,
    Body,
    Resource,
)
from serving.contract import SHARES

MOST_REPLICAS = 32
TRIES = 6
UNABLE = {
    Strategy.SHADOW: "a Gateway's HTTPRoute need not be able to copy requests",
    Strategy.AB: "an HTTPRoute divides requests at random, and cannot keep a person with one version",
}
NO_GATEWAY = "The cluster has no HTTPRoute in gateway.networking.k8s.io/v1: install the Gateway API and a gateway."
Act = Callable[["Hand", Step], None]


@dataclass
class Hand:
    """One attempt at a change: what was there, and writes on top of it."""

    cluster: Cluster
    place: Place
    key: str
    fence: int
    stock: dict[Resource, dict[str, Body]]
    made: list[tuple[Resource, Body]] = field(default_factory=list)

    def find(self, resource: Resource, name: str) -> Body | None:
        """Return the object as it was read."""
        return self.stock[resource].get(name)

    def notes(self, release: Release) -> dict[str, str]:
        """Return what is noted on what is written for the release."""
        return names.notes(release, self.key, self.fence)

    def put(self, resource: Resource, body: Body) -> None:
        """Have the object be so, on top of what was read."""
        before = self.find(resource, body["metadata"]["name"])
        after = self.cluster.apply(resource, body, before)
        if before is None:
            self.made.append((resource, after))

    def remove(self, resource: Resource, name: str) -> None:
        """Remove the object if it is still what was read."""
        if body := self.find(resource, name):
            self.cluster.remove(resource, body)

    def settle(self, endpoint: str) -> None:
        """Take away what was made where another engine came first: it may have read that there was nothing."""
        try:
            fences.take(self.cluster, endpoint, self.fence)
        except StaleFence:
            for resource, body in self.made:
                self.cluster.remove(resource, body)
            raise


class KubernetesTarget:
    """Model servers in one namespace of a cluster."""

    def __init__(self, where: Place | None = None) -> None:
        self._where = where

    def lacks(self) -> str:
        """Say what is missing here before a cluster can be used."""
        return "" if self._where else place.lacks()

    def capabilities(self) -> Capabilities:
        """What can be done in a cluster."""
        return Capabilities(frozenset(Strategy) - UNABLE.keys(), replicas=MOST_REPLICAS, unable=UNABLE)

    def observe(self, step: Step, *, key: str, fence: int) -> Seen:
        """Look at the cluster's own words."""
        look = {"install": _installed, "route": _routed, "retire": _retired, "revert": _reverted}
        if step.name not in look:
            raise GiveUp(_no_step(step.name))
        with _looking():
            cluster = self._cluster()
            if fences.last(cluster, step.release.endpoint) > fence:
                return Seen(Sight.STALE)
            return look[step.name](cluster, step, key)

    def apply(self, step: Step, *, key: str, fence: int) -> None:
        """Write the step's objects; writing them again changes nothing."""
        acts: dict[str, Act] = {"install": _install, "route": _route, "retire": _retire}
        if step.name not in acts:
            raise GiveUp(_no_step(step.name))
        self._do(acts[step.name], step, key, fence)

    def revert(self, step: Step, *, key: str, fence: int) -> None:
        """Route requests to what served before, or refuse them, and remove what is not wanted."""
        self._do(_revert, step, key, fence)

    def runs(self, release: Release) -> Seen:
        """Return what the release's Deployment and pods show."""
        with _looking():
            return _running(self._cluster(), release)

    def scale(self, release: Release) -> None:
        """Have the release's Deployment keep so many pods, or its autoscaler no fewer; the rest is the cluster's."""
        cluster = self._cluster()
        found = cluster.find(DEPLOYMENT, names.of_release(release))
        if found is None:
            raise TryAgain(f"{release.endpoint} v{release.version} is not installed.")
        if not _is_scaled(found, cluster.find(AUTOSCALER, names.of_release(release)), release):
            self._go_on(_scale, Step("scale", release), found)

    def split(self, endpoint: str) -> Split:
        """Say nothing: a Gateway counts requests in ways of its own."""
        del endpoint
        return Split()

    def tend(self, release: Release) -> None:
        """Give the release's pods a new token before the one they have runs out."""
        cluster = self._cluster()
        found = cluster.find(SECRET, names.of_release(release))
        if found is not None and _is_due(found):
            self._go_on(_renew, Step("tend", release), found)

    def _cluster(self) -> Cluster:
        return Cluster(self._where or place.named())

    def _go_on(self, act: Act, step: Step, found: Body) -> None:
        """Act under the highest fence and the key that `found` has: no step of a rollout, so it overtakes nobody."""
        try:
            self._do(act, step, names.note(found, names.KEY), fences.last(self._cluster(), step.release.endpoint))
        except StaleFence as why:
            raise TryAgain(str(why)) from why

    def _do(self, act: Act, step: Step, key: str, fence: int) -> None:
        """Read, take the fence, write; and once more where somebody else wrote in between."""
        names.check(step.release)
        cluster, endpoint = self._cluster(), step.release.endpoint
        for _ in range(TRIES):
            try:
                hand = Hand(cluster, cluster.place, key, fence, _stock(cluster, endpoint))
                fences.take(cluster, endpoint, fence)
                act(hand, step)
                if hand.made:
                    hand.settle(endpoint)
            except Conflict:
                continue
            return
        raise TryAgain("Others write to the same objects of the cluster.")


@contextmanager
def _looking() -> Iterator[None]:
    """What keeps us from looking says nothing against what is looked at."""
    try:
        yield
    except GiveUp as why:
        raise TryAgain(str(why)) from why


def _stock(cluster: Cluster, endpoint: str) -> dict[Resource, dict[str, Body]]:
    """Return all that is there of an endpoint, by resource and name."""
    labels = names.endpoint_labels(endpoint)
    found = {resource: cluster.find_all(resource, labels) for resource in (*OF_RELEASE, *OF_ENDPOINT)}
    return {resource: {body["metadata"]["name"]: body for body in bodies} for resource, bodies in found.items()}


def _no_step(name: str) -> str:
    why = UNABLE[Strategy.SHADOW] if name == "mirror" else "it has install, route, retire"
    return f"The Kubernetes target has no step {name}: {why}."


# Install: pods beside those that serve


def _install(hand: Hand, step: Step) -> None:
    if not hand.cluster.offers(ROUTE):
        raise GiveUp(NO_GATEWAY)
    _provide(hand, step)


def _provide(hand: Hand, step: Step) -> None:
    """Write the Deployment last: once it is there, all is."""
    release, noted = step.release, hand.notes(step.release)
    hand.put(NETWORK_POLICY, workload.network_policy(release, hand.place, noted))
    _renew(hand, step)
    hand.put(SERVICE, workload.service(release, noted))
    hand.put(BUDGET, workload.budget(release, noted))
    _scale(hand, step)


def _renew(hand: Hand, step: Step) -> None:
    """Have the release's secret hold a token that is good for a while."""
    name = names.of_release(step.release)
    if _is_due(hand.find(SECRET, name)):
        token, expires_at = tokens.mint(step.release.endpoint, step.release.digest, step.release.lock_digest)
        hand.put(SECRET, workload.secret(step.release, hand.notes(step.release), token, expires_at))


def _is_due(secret: Body | None) -> bool:
    expires_at = names.note(secret, workload.EXPIRES)
    return not expires_at.isdigit() or int(expires_at) - time.time() < tokens.TTL_S / 2


def _installed(cluster: Cluster, step: Step, key: str) -> Seen:
    name = names.of_release(step.release)
    if names.note(cluster.find(DEPLOYMENT, name), names.KEY) != key or cluster.find(SERVICE, name) is None:
        return Seen(Sight.ABSENT)
    return _running(cluster, step.release)


def _running(cluster: Cluster, release: Release) -> Seen:
    pods = cluster.find_all(POD, names.release_labels(release))
    lasting = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return sight.of_release(cluster.find(DEPLOYMENT, names.of_release(release)), lasting, release)


# Scale: so many pods, or no fewer than so many where the cluster may add some


def _scale(hand: Hand, step: Step) -> None:
    release, noted, name = step.release, hand.notes(step.release), names.of_release(step.release)
    if before := hand.find(DEPLOYMENT, name):
        noted |= {names.ROLLOUT: names.note(before, names.ROLLOUT)} if step.name == "scale" else {}
    if release.most > release.replicas:
        hand.put(AUTOSCALER, workload.autoscaler(release, noted))
    else:
        hand.remove(AUTOSCALER, name)
    hand.put(DEPLOYMENT, workload.deployment(release, hand.place, noted, _pods_now(before, release)))


def _is_scaled(deployment: Body, autoscaler: Body | None, release: Release) -> bool:
    """Whether there is nothing to change."""
    if release.most > release.replicas:
        bounds = (autoscaler or {}).get("spec", {})
        return (bounds.get("minReplicas"), bounds.get("maxReplicas")) == (release.replicas, release.most)
    return autoscaler is None and deployment["spec"].get("replicas") == release.replicas


def _pods_now(deployment: Body | None, release: Release) -> int:
    """Return how many pods there should be: of those that the autoscaler wants now, as many as are allowed."""
    if release.most <= release.replicas or deployment is None:
        return release.replicas
    return min(max(int(deployment["spec"].get("replicas", 1)), release.replicas), release.most)


# Route: a share of the requests to the new pods, or all


def _route(hand: Hand, step: Step) -> None:
    share_pct = int(str(step.arguments.get("share_pct", ALL)))
    ways = routes.all_to(step.release)
    if share_pct != ALL:
        if step.previous is None:
            raise GiveUp("Nothing serves here that the other requests could go to.")
        canary = share_pct * SHARES // ALL
        ways = [
            routes.Way("canary", step.release, canary),
            routes.Way("stable", step.previous, SHARES - canary),
        ]
    _write_route(hand, step.release, ways, str(share_pct))


def _write_route(hand: Hand, serves: Release, ways: list[routes.Way], word: str) -> None:
    """Write the route: created bare where there was none, so that two engines cannot both believe they were first."""
    body = routes.route(serves, hand.place, hand.notes(serves), ways, word)
    name = body["metadata"]["name"]
    if hand.find(ROUTE, name) is None:
        bare = names.headed(ROUTE, name, names.endpoint_labels(serves.endpoint), {})
        hand.stock[ROUTE][name] = hand.cluster.create(ROUTE, {**bare, "spec": {}})
    hand.put(ROUTE, body)


def _routed(cluster: Cluster, step: Step, key: str) -> Seen:
    return routes.seen(cluster.find(ROUTE, names.of_endpoint(step.release.endpoint)), key)


# Retire: whatever else of this endpoint is there, but for what stands by


def _retire(hand: Hand, step: Step) -> None:
    kept = {names.of_release(release) for release in (step.release, step.keep) if release}
    _clear(hand, lambda name: name not in kept)


def _clear(hand: Hand, is_meant: Callable[[str], bool]) -> None:
    for resource in OF_RELEASE:
        for name in filter(is_meant, list(hand.stock[resource])):
            hand.remove(resource, name)


def _retired(cluster: Cluster, step: Step, key: str) -> Seen:
    del key
    kept = {family(release) for release in (step.release, step.keep) if release}
    return _gone(cluster, step.release.endpoint, lambda name: name not in kept)


def _gone(cluster: Cluster, endpoint: str, is_meant: Callable[[str], bool]) -> Seen:
    """Return how much is left of the families that should go."""
    labels = names.endpoint_labels(endpoint)

    def left(resources: tuple[Resource, ...]) -> Iterator[str]:
        for resource in resources:
            found = (body["metadata"]["labels"].get(names.FAMILY, "") for body in cluster.find_all(resource, labels))
            yield from filter(is_meant, found)

    ordered, running = list(left(OF_RELEASE)), list(left((POD,)))
    facts = {"still_ordered": len(set(ordered)), "still_running": len(running)}
    if ordered:
        return Seen(Sight.ABSENT, facts)
    return Seen(Sight.UNDER_WAY if running else Sight.REACHED, facts)


# Revert: back to what served before, and what was tried goes


def _revert(hand: Hand, step: Step) -> None:
    """What requests go back to may have been removed meanwhile: then it is started again."""
    if step.previous and hand.find(DEPLOYMENT, names.of_release(step.previous)) is None:
        _provide(hand, replace(step, release=step.previous))
    _write_route(hand, step.previous or step.release, routes.all_to(step.previous), "revert")
    if differ(step.release, step.previous):
        _clear(hand, lambda name: name == names.of_release(step.release))


def _reverted(cluster: Cluster, step: Step, key: str) -> Seen:
    routed = _routed(cluster, step, key)
    if routed.sight is not Sight.REACHED or not differ(step.release, step.previous):
        return routed
    gone = _gone(cluster, step.release.endpoint, lambda name: name == family(step.release))
    return Seen(gone.sight, {**routed.facts, **gone.facts})
