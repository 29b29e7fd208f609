"""What Envoy is told once, at its start: where its files lie and where it is administered."""

import json
from typing import Any

from serving.contract import Layout
from serving.router import files

MOST_CONNECTIONS = 20_000
RUNTIME = {"re2.max_program_size.error_level": 500, "re2.max_program_size.warn_level": 500}  # the request id's pattern
LIMIT = "envoy.resource_monitors.global_downstream_max_connections"
LIMIT_TYPE = (
    "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
)


def bootstrap(layout: Layout) -> str:
    """Return Envoy's first configuration; everything else comes from the watched folder."""
    return json.dumps(
        {
            "node": {"id": "signoff-router", "cluster": "signoff"},
            "admin": {"address": {"pipe": {"path": str(layout.admin_socket), "mode": 0o600}}},
            "dynamic_resources": {
                "lds_config": files.source(files.listeners_path(layout)),
                "cds_config": files.source(files.clusters_path(layout)),
            },
            "layered_runtime": {"layers": [{"name": "ours", "static_layer": RUNTIME}]},
            "overload_manager": {"resource_monitors": [_connections()]},
            "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"prefix": "listener_manager."}]}}},
        },
        indent=1,
    )


def _connections() -> dict[str, Any]:
    return {
        "name": LIMIT,
        "typed_config": {"@type": LIMIT_TYPE, "max_active_downstream_connections": MOST_CONNECTIONS},
    }
