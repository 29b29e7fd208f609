"""The router's files: routes, clusters and the clusters' members, as Envoy reads them. Pure, but for `put`."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from serving.contract import Layout, Routes, TrackRoute
from serving.unit_names import key_of

TYPE = "type.googleapis.com/envoy.config"
HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
ORDER = ("canary", "stable", "shadow")  # canary first: as it grows it only ever gains units
CONNECT_WITHIN, IDLE = "1s", "5s"  # an idle connection is dropped before the model server would drop it
LIMITS = {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096, "max_retries": 512}
# A model server that cannot be reached gets no requests for a while. What a model answers ejects nobody: a track keeps
# its share, sick or not, and its errors are evidence. Where none can be reached all are tried (half of them is panic).
EJECTION = {
    "split_external_local_origin_errors": True,
    "consecutive_local_origin_failure": 3,
    "enforcing_consecutive_5xx": 0,
    "enforcing_consecutive_gateway_failure": 0,
    "enforcing_success_rate": 0,
    "enforcing_local_origin_success_rate": 0,
    "interval": "1s",
    "base_ejection_time": "2s",
    "max_ejection_time": "10s",
    "max_ejection_percent": 100,
}
RETRY = {
    "retry_on": "connect-failure",
    "num_retries": 2,
    "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.050s"},
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 30,  # the dead one has the fewest requests and is drawn most often
}
REQUEST_ID = r"[\x21-\x7e]{1,128}"
NOWHERE = "There is no such endpoint here. Endpoints are at /endpoints/NAME/."
EMPTY = "No replica of this endpoint runs at the moment."
BAD_ID = "x-request-id should be 1 to 128 printable characters without spaces."


def listeners_path(layout: Layout) -> Path:
    """Return the file that says where to listen."""
    return layout.router / "lds.json"


def clusters_path(layout: Layout) -> Path:
    """Return the file that names the clusters."""
    return layout.router / "cds.json"


def routes_path(layout: Layout) -> Path:
    """Return the file that holds every endpoint's routes."""
    return layout.router / "rds.json"


def members_path(layout: Layout, cluster: str) -> Path:
    """Return the file of a cluster's members; Envoy wants one each."""
    return layout.router / "eds" / f"{re.sub('/', '~', cluster)}.json"


def source(path: Path) -> dict[str, Any]:
    """Return how Envoy is told to read `path`, and again whenever a file is renamed to it."""
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def put(path: Path, resources: Sequence[dict[str, Any]]) -> str:
    """Rename a file with these resources to `path`, if it does not hold them already; return its version."""
    text = json.dumps(resources, sort_keys=True)
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    if version_of(path) == version:
        return version
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    draft.write_text(f'{{"version_info": "{version}", "resources": {text}}}', encoding="utf-8")
    draft.chmod(0o600)
    draft.rename(path)
    return version


def version_of(path: Path) -> str:
    """Return the version that the file bears; empty where there is none."""
    try:
        with path.open(encoding="utf-8") as text:
            found = re.match(r'\{"version_info": "([0-9a-f]+)"', text.read(64))
    except FileNotFoundError:
        return ""
    return found[1] if found else ""


def cluster_name(routes: Routes, track: str) -> str:
    """Return what the track's cluster is called; each rollout has its own, so that their counters do not mix."""
    return f"{routes.endpoint}/{routes.rollout_id}/{track}"


def ways(routes: Routes) -> list[TrackRoute]:
    """Return the tracks that have somewhere to go, canary first."""
    served = [way for way in routes.tracks if way.replicas]
    return sorted(served, key=lambda way: ORDER.index(way.track))


def cluster_names(table: Iterable[Routes]) -> list[str]:
    """Return every cluster these routes need."""
    return [cluster_name(routes, way.track) for routes in table for way in ways(routes)]


def cluster(layout: Layout, name: str) -> dict[str, Any]:
    """Return a cluster whose members are in a file of their own."""
    _, rollout, track = name.split("/")
    return {
        "@type": f"{TYPE}.cluster.v3.Cluster",
        "name": name,
        "metadata": {"filter_metadata": {"signoff": {"rollout": rollout, "track": track}}},
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source(members_path(layout, name))},
        "connect_timeout": CONNECT_WITHIN,
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {"thresholds": [LIMITS]},
        "outlier_detection": EJECTION,
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": HTTP,
                "common_http_protocol_options": {"idle_timeout": IDLE},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def members(layout: Layout, name: str, replicas: Iterable[str]) -> dict[str, Any]:
    """Return a cluster's members: the replicas' sockets."""
    at = [{"endpoint": {"address": {"pipe": {"path": str(layout.socket(replica))}}}} for replica in replicas]
    return {
        "@type": f"{TYPE}.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": at}],
    }


def route_table(table: Sequence[Routes]) -> dict[str, Any]:
    """Return every endpoint's routes as one resource, so that all change at once."""
    hosts = [_virtual_host(routes.endpoint, [routes.host], [_route(routes, "/")]) for routes in table if routes.host]
    by_path = [_route(routes, f"/endpoints/{routes.endpoint}/") for routes in table]
    return {
        "@type": f"{TYPE}.route.v3.RouteConfiguration",
        "name": "endpoints",
        "virtual_hosts": [*hosts, _virtual_host("*", ["*"], by_path)],
    }


def _virtual_host(name: str, domains: list[str], routes: list[dict[str, Any]]) -> dict[str, Any]:
    odd = {"name": "x-request-id", "string_match": {"safe_regex": {"regex": REQUEST_ID}}, "invert_match": True}
    first = {"match": {"prefix": "/", "headers": [odd]}, "direct_response": _says(400, BAD_ID)}
    last = {"match": {"prefix": "/"}, "direct_response": _says(404, NOWHERE)}
    wide = [host for domain in domains for host in ([domain] if domain == "*" else [domain, f"{domain}:*"])]
    return {
        "name": name,
        "domains": wide,
        "include_request_attempt_count": True,
        "routes": [first, *routes, last],
    }


def _says(status: int, sentence: str) -> dict[str, Any]:
    return {"status": status, "body": {"inline_string": sentence}}


def _route(routes: Routes, prefix: str) -> dict[str, Any]:
    made: dict[str, Any] = {"match": {"prefix": prefix}, "metadata": {"filter_metadata": _metadata(routes)}}
    if not ways(routes):
        return {**made, "direct_response": _says(503, EMPTY)}
    return {**made, "route": _action(routes)}


def _metadata(routes: Routes) -> dict[str, Any]:
    told = {"endpoint": routes.endpoint, "version": routes.version, "key": routes.key, "step": routes.step}
    return {"signoff": told, "envoy.filters.http.lua": {"key": key_of(routes.salt)}}


def _action(routes: Routes) -> dict[str, Any]:
    """Return how one request finds its track: by its unit where it names one, else at random."""
    weighted = [_weighted(routes, way) for way in ways(routes) if way.track != "shadow"]
    salted = {"pattern": {"regex": "^"}, "substitution": routes.salt}
    return {
        "weighted_clusters": {"clusters": weighted, "use_hash_policy": True},
        "hash_policy": [{"header": {"header_name": "x-signoff-unit", "regex_rewrite": salted}}],
        "prefix_rewrite": "/",
        "timeout": f"{routes.timeout_s:.3f}s",
        # Nothing was sent yet, so nothing can happen twice. The attempts stand in the log and in the model's headers.
        "retry_policy": RETRY,
        "request_mirror_policies": [_mirror(routes, way) for way in ways(routes) if way.track == "shadow"],
    }


def _weighted(routes: Routes, way: TrackRoute) -> dict[str, Any]:
    said = {"track": way.track, "share": str(way.share), "step": routes.step, "rollout": routes.rollout_id}
    return {
        "name": cluster_name(routes, way.track),
        "weight": way.share,
        "request_headers_to_add": [_header(name, value) for name, value in said.items()],
    }


def _header(name: str, value: str) -> dict[str, Any]:
    return {
        "header": {"key": f"x-signoff-{name}", "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _mirror(routes: Routes, way: TrackRoute) -> dict[str, Any]:
    """Return the copying to a shadow; a copy says that it is one."""
    said = {"track": way.track, "share": str(way.share)}
    return {
        "cluster": cluster_name(routes, way.track),
        "runtime_fraction": {"default_value": {"numerator": way.share, "denominator": "TEN_THOUSAND"}},
        "trace_sampled": False,
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [{"append": _header(name, value)} for name, value in said.items()],
    }
