"""The kinds of object that are written, and where the cluster keeps them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Body = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A kind of object: its group (empty for the core), version, plural and kind."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api(self) -> str:
        """What objects of it say as apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.api}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of one object, or of all of them in the namespace."""
        folder = f"{self.root}/namespaces/{quote(namespace, safe='')}/{self.plural}"
        return f"{folder}/{quote(name, safe='')}" if name else folder


CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
SECRET = Resource("", "v1", "secrets", "Secret")
SERVICE = Resource("", "v1", "services", "Service")
POD = Resource("", "v1", "pods", "Pod")
DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment")
AUTOSCALER = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
BUDGET = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
NETWORK_POLICY = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
ROUTE = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")

OF_RELEASE = (DEPLOYMENT, AUTOSCALER, BUDGET, SERVICE, SECRET)  # in the order in which they go
OF_ENDPOINT = (NETWORK_POLICY, ROUTE)
