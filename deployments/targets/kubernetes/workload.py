"""The objects of a release and of its endpoint, from the release alone."""

import base64

from deployments.scaling import CORES_EACH
from deployments.targets.contract import Release
from deployments.targets.kubernetes import names, pods
from deployments.targets.kubernetes.place import Place
from deployments.targets.kubernetes.resources import (
    AUTOSCALER,
    BUDGET,
    DEPLOYMENT,
    NETWORK_POLICY,
    SECRET,
    SERVICE,
    Body,
    Resource,
)

DNS = 53
INDEX = 443  # packages of the model's environment come from an index, with their hashes checked
EXPIRES = "signoff/expires"


def deployment(release: Release, place: Place, noted: dict[str, str], replicas: int) -> Body:
    """Return what keeps `replicas` pods of the release. Another rollout of the same bytes changes notes only."""
    return {
        **_head(DEPLOYMENT, release, noted),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": names.release_labels(release)},
            "template": pods.template(release, place),
        },
    }


def service(release: Release, noted: dict[str, str]) -> Body:
    """Return the address of the release's pods."""
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    return {**_head(SERVICE, release, noted), "spec": {"selector": names.release_labels(release), "ports": ports}}


def autoscaler(release: Release, noted: dict[str, str]) -> Body:
    """Return what adds pods while they are busy, up to the most that the endpoint may have."""
    cores = {"type": "AverageValue", "averageValue": f"{CORES_EACH * 1000:.0f}m"}
    return {
        **_head(AUTOSCALER, release, noted),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": DEPLOYMENT.api,
                "kind": DEPLOYMENT.kind,
                "name": names.of_release(release),
            },
            "minReplicas": release.replicas,
            "maxReplicas": release.most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": cores}}],
        },
    }


def budget(release: Release, noted: dict[str, str]) -> Body:
    """Return that one pod at most is taken away at a time when nodes are emptied."""
    selector = {"matchLabels": names.release_labels(release)}
    return {**_head(BUDGET, release, noted), "spec": {"maxUnavailable": 1, "selector": selector}}


def secret(release: Release, noted: dict[str, str], token: str, expires_at: int) -> Body:
    """Return what holds the token with which the release's pods speak to Signoff until `expires_at`."""
    held = {"token": base64.b64encode(token.encode()).decode()}
    return {**_head(SECRET, release, {**noted, EXPIRES: str(expires_at)}), "type": "Opaque", "data": held}


def network_policy(release: Release, place: Place, noted: dict[str, str]) -> Body:
    """Return who may speak to the endpoint's pods, and to whom they may: names, Signoff, the index of packages."""
    labels = names.endpoint_labels(release.endpoint)
    asked = [{"protocol": "TCP", "port": "http"}]
    named = [{"protocol": protocol, "port": DNS} for protocol in ("UDP", "TCP")]
    told = [{"protocol": "TCP", "port": port} for port in sorted({place.port, INDEX})]
    return {
        **names.headed(NETWORK_POLICY, names.of_endpoint(release.endpoint), labels, noted),
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": asked}],
            "egress": [{"ports": named}, {"ports": told}],
        },
    }


def _head(resource: Resource, release: Release, noted: dict[str, str]) -> Body:
    return names.headed(resource, names.of_release(release), names.release_labels(release), noted)
