"""Where the router listens, what it takes off a request before it looks at it, and what it writes down afterwards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.contract import Layout
from serving.router import files

API = "type.googleapis.com/envoy.extensions"
OURS = ("track", "share", "step", "rollout")
NOBODY = {"address_prefix": "255.255.255.255", "prefix_len": 32}  # whose word about retries and timeouts is taken
UNIT_SCRIPT = Path(__file__).with_name("unit.lua")
HEADERS_WITHIN, IDLE = "10s", "60s"
LINE = {
    "time": "%START_TIME(%s.%6f)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "endpoint": "%METADATA(ROUTE:signoff:endpoint)%",
    "version": "%METADATA(ROUTE:signoff:version)%",
    "step": "%METADATA(ROUTE:signoff:step)%",
    "rollout": "%METADATA(CLUSTER:signoff:rollout)%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "track": "%METADATA(CLUSTER:signoff:track)%",
    "share": "%REQ(X-SIGNOFF-SHARE)%",  # the client's own word where there is no track
    "unit": "%DYNAMIC_METADATA(signoff:unit)%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "status": "%RESPONSE_CODE%",
    "duration_ms": "%DURATION%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "flags": "%RESPONSE_FLAGS%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
}
BAD = "BAD_REQUEST"
# The router's own answers, by status; a model's pass as they are.
WORDS = {
    400: (BAD, ""),
    404: ("ENDPOINT_NOT_FOUND", "The router knows no endpoint yet."),
    503: ("TEMPORARILY_UNAVAILABLE", "No model server of this endpoint can be reached. Try again in a moment."),
    504: ("TIMED_OUT", "The model did not answer in time."),
}
UNREACHED = ["UF", "UH", "UO", "UC", "UR", "URX", "NC", "UT", "LR", "DC", "OM", "NR"]


@dataclass(frozen=True)
class Door:
    """Where the router listens. Without a certificate it speaks plain HTTP.

    Over 0, browsers are told to come by TLS alone for `hsts_s` seconds.
    """

    bind: str = "127.0.0.1"
    port: int = 8100
    tls_cert: str = ""
    tls_key: str = ""
    hsts_s: int = 0


def listener(layout: Layout, door: Door) -> dict[str, Any]:
    """Return the one listener."""
    chain: dict[str, Any] = {
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager(layout, door)}]
    }
    if door.tls_cert:
        chain["transport_socket"] = _tls(door)
    return {
        "@type": f"{files.TYPE}.listener.v3.Listener",
        "name": "endpoints",
        "address": {"socket_address": {"address": door.bind, "port_value": door.port}},
        "filter_chains": [chain],
        "per_connection_buffer_limit_bytes": 2**20,
    }


def _tls(door: Door) -> dict[str, Any]:
    certificate = {"certificate_chain": {"filename": door.tls_cert}, "private_key": {"filename": door.tls_key}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{API}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [certificate], "alpn_protocols": ["h2", "http/1.1"]},
        },
    }


def _manager(layout: Layout, door: Door) -> dict[str, Any]:
    return {
        "@type": f"{API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "endpoints",
        "server_name": "signoff",
        "rds": {"route_config_name": "endpoints", "config_source": files.source(files.routes_path(layout))},
        "http_filters": [*([_strict_transport(door.hsts_s)] if door.hsts_s else []), _unit(), _router()],
        "access_log": [_access_log(layout)],
        "local_reply_config": _replies(),
        **_strictness(),
        **_request_ids(),
    }


def _strictness() -> dict[str, Any]:
    """Believe nothing that a client says about itself, and wait for nobody for ever."""
    return {
        "use_remote_address": True,
        "internal_address_config": {"unix_sockets": False, "cidr_ranges": [NOBODY]},
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        "early_header_mutation_extensions": [_forget_forged()],
        "request_headers_timeout": HEADERS_WITHIN,
        "common_http_protocol_options": {"idle_timeout": IDLE, "headers_with_underscores_action": "DROP_HEADER"},
    }


def _request_ids() -> dict[str, Any]:
    """A client's id is kept, so that it finds its request again; without one there is a new one."""
    uuid = {"@type": f"{API}.request_id.uuid.v3.UuidRequestIdConfig", "pack_trace_reason": False}
    return {
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "request_id_extension": {"typed_config": uuid},
    }


def _forget_forged() -> dict[str, Any]:
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"{API}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove": f"x-signoff-{name}"} for name in OURS],
        },
    }


def _strict_transport(hsts_s: int) -> dict[str, Any]:
    """Every answer says it, the router's own too; what a model says of it is overwritten."""
    header = {"key": "strict-transport-security", "value": f"max-age={hsts_s}"}
    told = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    return {
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": f"{API}.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"response_mutations": [told]},
        },
    }


def _unit() -> dict[str, Any]:
    """Names the unit in the log without telling who it is."""
    return {
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": f"{API}.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": UNIT_SCRIPT.read_text(encoding="utf-8")},
        },
    }


def _router() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{API}.filters.http.router.v3.Router", "suppress_envoy_headers": True},
    }


def _access_log(layout: Layout) -> dict[str, Any]:
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{API}.access_loggers.file.v3.FileAccessLog",
            "path": str(layout.access_log),
            "log_format": {"json_format": LINE},
        },
    }


def _replies() -> dict[str, Any]:
    unreached = {"response_flag_filter": {"flags": UNREACHED}}
    mappers = []
    for status, (code, sentence) in WORDS.items():
        this = {
            "status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": "_"}}}
        }
        if sentence:
            both = {"and_filter": {"filters": [this, unreached]}}
            mappers.append({"filter": both, "body": {"inline_string": sentence}, "body_format_override": _body(code)})
        mappers.append({"filter": this, "body_format_override": _body(code)})
    return {"mappers": mappers, "body_format": _body("REFUSED")}


def _body(code: str) -> dict[str, Any]:
    """Return an answer that clients of both protocols understand."""
    said = {"error": "%LOCAL_REPLY_BODY%", "message": "%LOCAL_REPLY_BODY%", "error_code": code}
    if code == BAD:
        said["reason"] = "%RESPONSE_CODE_DETAILS%"  # of other answers it would tell where the sockets are
    return {"json_format": {**said, "request_id": "%REQ(X-REQUEST-ID)%"}, "content_type": "application/json"}
