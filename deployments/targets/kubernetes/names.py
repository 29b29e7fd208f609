"""What objects are called, and what stands on each of them."""

import re

from deployments.targets.contract import GiveUp, Release
from deployments.targets.families import family
from deployments.targets.kubernetes.resources import Body, Resource

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
MANAGED = {"app.kubernetes.io/managed-by": "signoff"}
ENDPOINT, FAMILY = "signoff/endpoint", "signoff/family"
ROLLOUT, DIGEST, FENCE, KEY = "signoff/rollout", "signoff/digest", "signoff/fence", "signoff/key"


def check(release: Release) -> None:
    """Raise GiveUp for an endpoint whose name the cluster does not take."""
    if not NAME.match(release.endpoint):
        raise GiveUp(f"A cluster takes no name that ends with a hyphen, as {release.endpoint} does.")


def of_release(release: Release) -> str:
    """Return what a release's objects are called. Services begin with a letter."""
    return f"m-{family(release)}"


def of_endpoint(endpoint: str) -> str:
    """Return what an endpoint's objects are called."""
    return f"e-{endpoint}"


def endpoint_labels(endpoint: str) -> dict[str, str]:
    """Return the labels of all that belongs to an endpoint."""
    return {**MANAGED, ENDPOINT: endpoint}


def release_labels(release: Release) -> dict[str, str]:
    """Return the labels of all that belongs to one release, whatever rollout asked for it."""
    return {**endpoint_labels(release.endpoint), FAMILY: family(release)}


def notes(release: Release, key: str, fence: int) -> dict[str, str]:
    """Return what is noted on an object: who wrote it last, and for which step."""
    return {ROLLOUT: release.rollout, DIGEST: release.digest, FENCE: str(fence), KEY: key}


def note(body: Body | None, name: str) -> str:
    """Return what is noted on an object under `name`; empty where nothing is."""
    return str(((body or {}).get("metadata", {}).get("annotations") or {}).get(name, ""))


def headed(resource: Resource, name: str, labels: dict[str, str], annotations: dict[str, str]) -> Body:
    """Return the beginning of an object."""
    about: Body = {"name": name, "labels": labels}
    if annotations:
        about["annotations"] = annotations
    return {"apiVersion": resource.api, "kind": resource.kind, "metadata": about}
