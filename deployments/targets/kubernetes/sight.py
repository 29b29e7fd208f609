"""What a Deployment and its pods show of a release, in words a page can print."""

import re
from collections.abc import Iterable, Iterator

from deployments.plan import Sight
from deployments.targets.contract import Release, Seen
from deployments.targets.kubernetes import names
from deployments.targets.kubernetes.resources import Body
from serving.cleaning import cleaned
from serving.contract import FOR_GOOD

DEATHS = 3  # of a pod's server, after which the pod is given up
HURDLES = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})
REASON = re.compile(r"[A-Za-z]{1,40}\Z")


def of_release(deployment: Body | None, pods: Iterable[Body], release: Release) -> Seen:
    """Return what runs of the release: reached where as many pods as it should have are ready, broken for good."""
    if deployment is None:
        return Seen(Sight.ABSENT, {"state": "absent"}, "no model server is ordered")
    mine = list(pods)
    if any(names.note(one, names.DIGEST) != release.digest for one in [deployment, *mine]):
        return Seen(Sight.BROKEN, {"state": "failed"}, "another digest runs than the one that was signed")
    ready, facts = _counted(deployment)
    if broken := next(filter(None, map(_given_up, mine)), ""):
        return Seen(Sight.BROKEN, {**facts, "state": "failed"}, broken)
    if ready >= release.replicas:
        return Seen(Sight.REACHED, {**facts, "state": "ready"})
    why = next(filter(None, map(_hurdle, mine)), "the pods are being started")
    return Seen(Sight.UNDER_WAY, {**facts, "state": "starting"}, why)


def _counted(deployment: Body) -> tuple[int, dict[str, object]]:
    """Return how many pods of the newest kind are ready, and of how many, where that is more than one."""
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return 0, {}
    total = max(int(deployment["spec"].get("replicas", 1)), int(status.get("replicas", 0)))
    ready = min(int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0)))
    return ready, {"ready": f"{ready} of {total}"} if total > 1 else {}


def _given_up(pod: Body) -> str:
    """Return why the pod can never serve, or an empty string."""
    for one in _containers(pod):
        ended = _ended(one)
        deaths = int(one.get("restartCount", 0)) + 1
        if ended and (ended.get("exitCode") == FOR_GOOD or (deaths >= DEATHS and one["name"] == "serve")):
            return _words(one["name"], ended)
    return ""


def _hurdle(pod: Body) -> str:
    """Return what keeps the pod from serving now, or an empty string."""
    for one in _containers(pod):
        if ended := _ended(one):
            return _words(one["name"], ended)
        waiting = one.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in HURDLES:
            return f"{one['name']}: {waiting['reason']}"
    for one in pod.get("status", {}).get("conditions", []):
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            return "no node of the cluster has room for a pod"
    return ""


def _containers(pod: Body) -> Iterator[Body]:
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []


def _ended(container: Body) -> Body | None:
    """Return how the container ended last, where that was no success and it is not well again."""
    if container.get("ready"):
        return None
    states = (container.get("state") or {}, container.get("lastState") or {})
    found = next((state["terminated"] for state in states if state.get("terminated")), None)
    return found if found and found.get("exitCode") else None


def _words(name: str, ended: Body) -> str:
    """Return what the container left when it ended, without credentials; its log is never read."""
    if said := cleaned(str(ended.get("message") or "")):
        return said
    reason = str(ended.get("reason") or "")
    why = f", {reason}" if REASON.match(reason) and reason != "Error" else ""
    return f"{name} ended with code {ended.get('exitCode')}{why}."
