"""Makes the router follow routes, in the order in which no request is lost, and asks it whether it does."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from serving.contract import Layout, Routed, Routes, dump, load
from serving.router import admin, files

CONFIRM_S = 5.0
LOOK_EVERY_S = 0.005


class Stale(Exception):
    """Newer routes are followed already. The message says which."""


class Unconfirmed(Exception):
    """The router was told and did not say that it follows."""


class Router:
    """The router of one home. One process at a time may hold it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.table = {routes.endpoint: routes for routes in self._accepted()}

    def apply(self, routes: Routes) -> None:
        """Envoy divides the endpoint's requests as `routes` say, and says so itself. Stale or Unconfirmed otherwise.

        A second call with the same routes changes nothing.
        """
        self.accept(routes)
        self.settle()

    def withdraw(self, endpoint: str) -> None:
        """The endpoint is unknown to the router."""
        self.drop(endpoint)
        self.settle()

    def accept(self, routes: Routes) -> None:
        """Take the routes over; Envoy follows them once they are settled. Raises Stale."""
        followed = self.table.get(routes.endpoint)
        refuse_stale(followed, routes)
        if routes != followed:
            dump(self._accepted_path(routes.endpoint), routes)
            self.table[routes.endpoint] = routes

    def drop(self, endpoint: str) -> None:
        """Forget the endpoint; Envoy does so once that is settled."""
        self._accepted_path(endpoint).unlink(missing_ok=True)
        self.table.pop(endpoint, None)

    def write(self) -> None:
        """Put every file as the accepted routes want it, for an Envoy that does not run yet."""
        self._put_members()
        self._put_clusters(self._needed())
        files.put(files.routes_path(self.layout), [files.route_table(self._sorted())])

    def settle(self) -> None:
        """Envoy follows every accepted route. Clusters come before the routes to them and go after."""
        if not admin.is_ready(self.layout.admin_socket):
            self.write()
            raise Unconfirmed("The router does not run; it will follow these routes when it does.")
        needed = self._needed()
        self._put_members()
        known = set(admin.active_clusters(self.layout.admin_socket))
        if not needed <= known:
            self._put_clusters(needed | known)
            self._confirm(lambda: needed <= set(admin.active_clusters(self.layout.admin_socket)), "clusters")
        version = files.put(files.routes_path(self.layout), [files.route_table(self._sorted())])
        self._confirm(lambda: admin.route_version(self.layout.admin_socket) == version, "routes")
        self._confirm(self._has_members, "model servers")
        self._put_clusters(needed)
        self._drop_members(needed)

    def observe(self) -> dict[str, Routed]:
        """Return what Envoy says it does, by endpoint. Reads nothing of what it was told."""
        socket = self.layout.admin_socket
        counted = admin.requests(socket)
        return {name: self._routed(name, seen, counted) for name, seen in admin.followed(socket).items()}

    def _routed(self, endpoint: str, seen: admin.Followed, counted: dict[str, admin.Counted]) -> Routed:
        front = f"{endpoint}/{seen.rollout_id}/"
        mine = {name.removeprefix(front): one for name, one in counted.items() if name.startswith(front)}
        requests = {track: one.total for track, one in mine.items()}
        in_flight = {track: one.active for track, one in mine.items()}
        fence = self.table[endpoint].fence if endpoint in self.table else 0
        return Routed(endpoint, seen.version, seen.key, fence, seen.shares, requests, in_flight, "", time.time())

    def _needed(self) -> set[str]:
        return set(files.cluster_names(self.table.values()))

    def _sorted(self) -> list[Routes]:
        return [self.table[name] for name in sorted(self.table)]

    def _put_members(self) -> None:
        for routes in self.table.values():
            for way in files.ways(routes):
                name = files.cluster_name(routes, way.track)
                files.put(files.members_path(self.layout, name), [files.members(self.layout, name, way.replicas)])

    def _has_members(self) -> bool:
        """Whether Envoy sends to just the model servers it was told of."""
        known = admin.members(self.layout.admin_socket)
        return all(
            known.get(files.cluster_name(routes, way.track)) == {str(self.layout.socket(name)) for name in way.replicas}
            for routes in self.table.values()
            for way in files.ways(routes)
        )

    def _put_clusters(self, names: set[str]) -> None:
        files.put(files.clusters_path(self.layout), [files.cluster(self.layout, name) for name in sorted(names)])

    def _drop_members(self, needed: set[str]) -> None:
        keep = {files.members_path(self.layout, name) for name in needed}
        for path in (self.layout.router / "eds").glob("*.json"):
            if path not in keep:
                path.unlink()

    def _confirm(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + CONFIRM_S
        while not true():
            if time.monotonic() > deadline:
                raise Unconfirmed(f"The router does not report the new {what} after {CONFIRM_S:.0f} s.")
            time.sleep(LOOK_EVERY_S)

    def _accepted_path(self, endpoint: str) -> Path:
        return self.layout.router / "accepted" / f"{endpoint}.json"

    def _accepted(self) -> list[Routes]:
        return [load(path, Routes) for path in sorted((self.layout.router / "accepted").glob("[!.]*.json"))]


def refuse_stale(followed: Routes | None, routes: Routes) -> None:
    """Pass what may replace the routes that are followed."""
    if followed is None or routes == followed:
        return
    if routes.fence < followed.fence:
        raise Stale(f"Fence {routes.fence} is older than {followed.fence}, which wrote the routes that are followed.")
    if routes.version <= followed.version:
        raise Stale(f"Version {routes.version} is not newer than {followed.version}, which is followed.")


def observed_version(socket: Path, endpoint: str) -> int:
    """Return the version of the endpoint's routes that the router reports; 0 where it reports none."""
    found = admin.followed(socket).get(endpoint)
    return found.version if found else 0


def observed_share(before: Routed, after: Routed, track: str) -> float | None:
    """Return the part of the requests between two looks that `track` took; None where there were none."""
    if before.requests.keys() - after.requests.keys() or before.version > after.version:
        before = replace(before, requests={})
    came = {name: n - before.requests.get(name, 0) for name, n in after.requests.items() if name != "shadow"}
    if any(n < 0 for n in came.values()):
        came = {name: n for name, n in after.requests.items() if name != "shadow"}  # the router began anew
    total = sum(came.values())
    return came.get(track, 0) / total if total else None
