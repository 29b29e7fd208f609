"""What Envoy says about itself, over its administration socket."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from serving import uds

OK = 200
ABSENT = 404  # of a part of its configuration that it has not had yet


class Silent(Exception):
    """The router does not answer. The message says what was asked."""


@dataclass(frozen=True)
class Followed:
    """The routes of one endpoint that Envoy follows."""

    version: int
    key: str
    rollout_id: str
    shares: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """How many requests a cluster was given, and how many of them are not answered yet."""

    total: int = 0
    active: int = 0


def ask(socket: Path, target: str, *, method: str = "GET") -> bytes:
    """Return what the administration answers, nothing in JSON where it has nothing; Silent where it does not answer."""
    try:
        status, body = uds.ask(socket, target, method=method)
    except OSError as why:
        raise Silent(f"The router does not answer {target}: {why}.") from None
    if status == ABSENT:
        return b"{}"
    if status != OK:
        raise Silent(f"The router answers {target} with {status}: {body[:200].decode('utf-8', 'replace')}.")
    return body


def is_ready(socket: Path) -> bool:
    """Whether the router takes requests."""
    try:
        return ask(socket, "/ready").strip() == b"LIVE"
    except Silent:
        return False


def port(socket: Path) -> int:
    """Return where the router listens."""
    said = json.loads(ask(socket, "/listeners?format=json"))
    return int(said["listener_statuses"][0]["local_address"]["socket_address"]["port_value"])


def route_version(socket: Path) -> str:
    """Return the version of the route file that Envoy follows; empty where it follows none."""
    found = _dumped(socket, "dynamic_route_configs")
    return str(found[0].get("version_info", "")) if found else ""


def active_clusters(socket: Path) -> dict[str, str]:
    """Return the clusters that Envoy can route to, each with the version of the file it is from."""
    found = _dumped(socket, "dynamic_active_clusters")
    return {item["cluster"]["name"]: item["version_info"] for item in found}


def members(socket: Path) -> dict[str, set[str]]:
    """Return the sockets that each cluster sends to."""
    said = json.loads(ask(socket, "/clusters?format=json"))
    statuses = said.get("cluster_statuses", [])
    return {one["name"]: {host["address"]["pipe"]["path"] for host in one.get("host_statuses", [])} for one in statuses}


def followed(socket: Path) -> dict[str, Followed]:
    """Return, by endpoint, the routes that Envoy says it follows."""
    hosts = [
        host
        for one in _dumped(socket, "dynamic_route_configs")
        for host in one["route_config"].get("virtual_hosts", [])
    ]
    found = (_followed(route) for host in hosts for route in host["routes"])
    return dict(pair for pair in found if pair)


def requests(socket: Path) -> dict[str, Counted]:
    """Return what each cluster was given since the router started, and has now, retries included."""
    wanted = quote(r"^cluster\..*\.upstream_rq_(total|active)$")
    said = json.loads(ask(socket, f"/stats?format=json&filter={wanted}"))
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for one in said["stats"]:
        if "name" in one:
            cluster, _, what = one["name"].removeprefix("cluster.").rpartition(".upstream_rq_")
            found[cluster][what] = int(one["value"])
    return {cluster: Counted(**counts) for cluster, counts in found.items()}


def _dumped(socket: Path, kind: str) -> list[dict[str, Any]]:
    said = json.loads(ask(socket, f"/config_dump?resource={kind}"))
    return list(said.get("configs", []))


def _followed(route: dict[str, Any]) -> tuple[str, Followed] | None:
    told = route.get("metadata", {}).get("filter_metadata", {}).get("signoff")
    if told is None:
        return None
    clusters = route.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
    shares = {one["name"].rpartition("/")[2]: int(one.get("weight", 0)) for one in clusters}
    rollout_id = clusters[0]["name"].split("/")[1] if clusters else ""
    return told["endpoint"], Followed(int(told["version"]), told["key"], rollout_id, shares)
