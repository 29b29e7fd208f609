"""The highest fence of an endpoint, kept in the cluster: compared and set by the object's resourceVersion.

Who writes reads first, then takes the fence, then writes on top of what was read. An engine that was overtaken in
between finds what it read changed: whoever overtook it wrote its own fence there.
"""

from deployments.targets.contract import StaleFence
from deployments.targets.kubernetes import names
from deployments.targets.kubernetes.cluster import Cluster
from deployments.targets.kubernetes.resources import CONFIG_MAP, Body


def take(cluster: Cluster, endpoint: str, fence: int) -> None:
    """Have `fence` be the endpoint's highest. Raises StaleFence for a lower one, Conflict where another is at it."""
    seen = cluster.find(CONFIG_MAP, names.of_endpoint(endpoint))
    if seen is None:
        cluster.create(CONFIG_MAP, _made(endpoint, fence))
        return
    highest = _highest(seen)
    if highest > fence:
        raise StaleFence(f"fence {highest} was here before {fence}")
    if highest < fence:
        cluster.replace(CONFIG_MAP, {**seen, "data": {"fence": str(fence)}})


def last(cluster: Cluster, endpoint: str) -> int:
    """Return the highest fence so far, 0 where nobody was here."""
    seen = cluster.find(CONFIG_MAP, names.of_endpoint(endpoint))
    return _highest(seen) if seen else 0


def _made(endpoint: str, fence: int) -> Body:
    head = names.headed(CONFIG_MAP, names.of_endpoint(endpoint), names.endpoint_labels(endpoint), {})
    return {**head, "data": {"fence": str(fence)}}


def _highest(seen: Body) -> int:
    return int(seen.get("data", {}).get("fence") or 0)
