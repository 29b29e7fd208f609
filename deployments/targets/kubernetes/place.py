"""Where in which cluster model servers go, from the settings."""

from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from django.conf import settings

from deployments.targets.contract import GiveUp

EXTRA = "Install the client of Kubernetes: pip install 'signoff[k8s]'."
NEEDED = {
    "namespace": "SIGNOFF_KUBERNETES_NAMESPACE",
    "image": "SIGNOFF_KUBERNETES_IMAGE",
    "gateway": "SIGNOFF_KUBERNETES_GATEWAY",
    "address": "SIGNOFF_KUBERNETES_ADDRESS",
}
HTTPS = 443


@dataclass(frozen=True)
class Place:
    """A namespace of a cluster.

    `config` is the path of a kubeconfig, empty inside of the cluster; `gateway` is NAMESPACE/NAME of the Gateway that
    requests come through; `address` is where pods reach Signoff.
    """

    config: str
    namespace: str
    image: str
    gateway: str
    address: str

    @property
    def port(self) -> int:
        """The port of Signoff that pods speak to."""
        parts = urlsplit(self.address)
        return parts.port or (HTTPS if parts.scheme == "https" else 80)


def named() -> Place:
    """Return the place that the settings name; raise GiveUp with what is missing where they do not."""
    if why := lacks():
        raise GiveUp(why)
    return Place(**{name: getattr(settings, f"KUBERNETES_{name.upper()}") for name in ("config", *NEEDED)})


def lacks() -> str:
    """Return what is missing before anything can be put into a cluster, as a sentence; or an empty string."""
    unset = [variable for name, variable in NEEDED.items() if not getattr(settings, f"KUBERNETES_{name.upper()}")]
    if unset:
        return f"No cluster is set up here: set {', '.join(unset)}."
    return "" if find_spec("kubernetes") else EXTRA
