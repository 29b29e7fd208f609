"""The pod of a release: one container fetches and checks the files, one serves, one tells what was answered.

What a pod is depends on the release's family and the settings alone, so that another rollout of the same bytes starts
no new pods. The container that runs the model's code has no credential and no file of Signoff's but the model's own.
"""

from deployments.targets.contract import Release
from deployments.targets.families import family
from deployments.targets.kubernetes import names
from deployments.targets.kubernetes.place import Place
from deployments.targets.kubernetes.resources import Body
from serving.contract import Desired, text_of

PORT = 8080
USER = 10_001
HOME, TOKENS, TEMPORARY = "/signoff", "/run/signoff", "/tmp"  # noqa: S108 - a volume of the pod's own
PULL, SERVE, TELL = "pull", "serve", "tell"
GOES_S = 5  # a pod still answers that long after it was told to go: gateways hear of it meanwhile
DRAIN_S = 30
LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def template(release: Release, place: Place) -> Body:
    """Return the pod's template."""
    about = {"labels": names.release_labels(release), "annotations": {names.DIGEST: release.digest}}
    return {"metadata": about, "spec": _spec(release, place)}


def ordered(release: Release) -> str:
    """Return what the pod is to serve, as its containers read it; the list of files comes from Signoff, by digest."""
    wanted = Desired(
        replica=family(release), endpoint=release.endpoint, model=release.model, version=str(release.version),
        digest=release.digest, manifest=(), lock_digest=release.lock_digest, sandbox="required",
        memory_mb=release.memory_mb, batch_rows=release.batch_rows, max_waiting=release.max_waiting,
        fence=0, rollout_id="", key="",
    )  # fmt: skip
    return text_of(wanted)


def _spec(release: Release, place: Place) -> Body:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GOES_S + DRAIN_S,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [{**_container(PULL, release, place), "resources": _bounds(512), "volumeMounts": _all()}],
        "containers": [_server(release, place), _teller(release, place)],
        "volumes": [
            {"name": "home", "emptyDir": {}},
            {"name": "temporary", "emptyDir": {}},
            {"name": "token", "secret": {"secretName": names.of_release(release)}},
        ],
    }  # fmt: skip


def _container(name: str, release: Release, place: Place) -> Body:
    return {
        "name": name,
        "image": place.image,
        "args": [name],
        "env": [
            {"name": "POD_HOME", "value": HOME},
            {"name": "POD_ORDER", "value": ordered(release)},
            {"name": "POD_SIGNOFF", "value": place.address},
            {"name": "POD_TOKEN", "value": f"{TOKENS}/token"},
            {"name": "POD_PORT", "value": str(PORT)},
        ],
        "securityContext": LOCKED,
        "terminationMessagePolicy": "File",
    }


def _server(release: Release, place: Place) -> Body:
    bounds = {"requests": {"cpu": "500m", "memory": f"{release.memory_mb}Mi"}}
    return {
        **_container(SERVE, release, place),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": {**bounds, "limits": {"memory": f"{release.memory_mb}Mi"}},
        "volumeMounts": _files(),
        "readinessProbe": {**_probe("/v2/health/ready"), "periodSeconds": 2, "failureThreshold": 2},
        "livenessProbe": {**_probe("/v2/health/live"), "periodSeconds": 10, "failureThreshold": 3},
        "startupProbe": {**_probe("/v2/health/ready"), "periodSeconds": 2, "failureThreshold": 150},
        "lifecycle": {"preStop": {"sleep": {"seconds": GOES_S}}},
    }


def _teller(release: Release, place: Place) -> Body:
    return {**_container(TELL, release, place), "resources": _bounds(64), "volumeMounts": _all()}


def _probe(path: str) -> Body:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 2}


def _bounds(memory_mb: int) -> Body:
    return {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": f"{memory_mb}Mi"}}


def _files() -> list[Body]:
    return [{"name": "home", "mountPath": HOME}, {"name": "temporary", "mountPath": TEMPORARY}]


def _all() -> list[Body]:
    return [*_files(), {"name": "token", "mountPath": TOKENS, "readOnly": True}]
