"""What else is at work in a cluster: Deployments become pods, routes are taken up, and a gateway divides requests."""

import random
import threading
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic

from core import canonical
from tests.contracts.targets.cluster import schemas
from tests.contracts.targets.cluster.kubelet import PodRun
from tests.contracts.targets.cluster.refused import Refused
from tests.contracts.targets.cluster.store import Body, Store

GOES_S = 0.1  # a pod that was told to go answers that long
CONTROLLER = "kube-controller-manager"


@dataclass
class World:
    """The controllers of one namespace, one turn at a time."""

    store: Store
    namespace: str
    folder: Path
    turn: threading.RLock = field(default_factory=threading.RLock)
    over: threading.Event = field(default_factory=threading.Event)
    runs: dict[str, PodRun] = field(default_factory=dict)  # by the pod's name
    going: dict[str, float] = field(default_factory=dict)  # since when
    numbers: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]
    lot: random.Random = field(default_factory=random.Random)

    def go_on(self) -> None:
        """Do what controllers do until it is over."""
        seen: object = None
        while not self.over.wait(0.01):
            with self.turn:
                if seen == (now := self._moment()) and not self.going:
                    continue
                seen = now
                with suppress(Refused):  # what it looked at went meanwhile
                    self.tick()

    def _moment(self) -> object:
        """Return what changes when there is something to do."""
        return self.store.number, [(run.is_ready, run.ended) for run in self.runs.values()]

    def tick(self) -> None:
        """Let each controller look once."""
        self._scale_up()
        for deployment in self._all("deployments"):
            self._deploy(deployment)
        self._collect()
        self._run_pods()
        for deployment in self._all("deployments"):
            self._tell(deployment)
        for route in self._all("httproutes"):
            self._take_up(route)

    def stop(self) -> None:
        for run in self.runs.values():
            run.stop()

    def answer(self, endpoint: str, path: str = "/version") -> str | None:
        """Return what a request through the gateway is answered, or None where it is refused."""
        with self.turn:
            found = [one for one in self._all("httproutes") if _prefix(one) == f"/endpoints/{endpoint}"]
            run = self._chosen(found[0]) if found else None
        if run is None or run.toy is None:
            return None
        with urllib.request.urlopen(f"http://127.0.0.1:{run.toy.server_address[1]}{path}", timeout=5) as said:
            return str(said.read().decode())

    def _chosen(self, route: Body) -> PodRun | None:
        backends = [one for rule in route["spec"].get("rules", []) for one in rule.get("backendRefs", [])]
        weights = [one.get("weight", 1) for one in backends]
        if not backends or not sum(weights):
            return None
        name = self.lot.choices(backends, weights)[0]["name"]
        service = next((one for one in self._all("services") if one["metadata"]["name"] == name), None)
        ready = [one for one in self._pods(service["spec"]["selector"]) if self._is_ready(one)] if service else []
        return self.runs[self.lot.choice(ready)["metadata"]["name"]] if ready else None

    def _all(self, plural: str, selector: str = "") -> list[Body]:
        return self.store.all(plural, self.namespace, selector)

    def _pods(self, labels: dict[str, str]) -> list[Body]:
        return self._all("pods", ",".join(f"{name}={value}" for name, value in labels.items()))

    def _is_ready(self, pod: Body) -> bool:
        name = pod["metadata"]["name"]
        return name not in self.going and name in self.runs and self.runs[name].is_ready

    def _scale_up(self) -> None:
        """An autoscaler without load: it keeps the least."""
        for one in self._all("horizontalpodautoscalers"):
            name, least = one["spec"]["scaleTargetRef"]["name"], one["spec"]["minReplicas"]
            found = next((d for d in self._all("deployments") if d["metadata"]["name"] == name), None)
            if found and found["spec"]["replicas"] < least:
                self.store.change("deployments", self.namespace, name, ("spec", "replicas"), least, CONTROLLER)

    def _deploy(self, deployment: Body) -> None:
        """Make pods of the newest template, and let others go once as many as wanted are ready."""
        mine = self._lasting(deployment)
        current = [pod for pod in mine if _hash(pod) == _template(deployment)]
        wanted = deployment["spec"]["replicas"]
        for _ in range(wanted - len(current)):
            self._make_pod(deployment)
        if sum(map(self._is_ready, current)) >= min(wanted, len(current)):
            for pod in [pod for pod in mine if pod not in current]:
                self.going.setdefault(pod["metadata"]["name"], monotonic())
        for pod in sorted(current, key=self._is_ready)[: max(0, len(current) - wanted)]:
            self.going.setdefault(pod["metadata"]["name"], monotonic())

    def _lasting(self, deployment: Body) -> list[Body]:
        uid = deployment["metadata"]["uid"]
        return [pod for pod in self._all("pods") if _owner(pod) == uid and pod["metadata"]["name"] not in self.going]

    def _make_pod(self, deployment: Body) -> None:
        about, template = deployment["metadata"], deployment["spec"]["template"]
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": about["name"], "uid": about["uid"]}
        labels = {**template["metadata"]["labels"], "pod-template-hash": _template(deployment)}
        name = f"{about['name']}-{next(self.numbers)}"
        metadata = {
            "name": name, "labels": labels, "annotations": template["metadata"].get("annotations", {}),
            "ownerReferences": [owner],
        }  # fmt: skip
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self.store.create(schemas.by_plural("pods"), self.namespace, body, CONTROLLER)

    def _collect(self) -> None:
        """What nobody owns any more goes; what was going long enough is gone."""
        owners = {one["metadata"]["uid"] for one in self._all("deployments")}
        for pod in self._all("pods"):
            if _owner(pod) not in owners:
                self.going.setdefault(pod["metadata"]["name"], monotonic())
        for name, since in list(self.going.items()):
            if monotonic() - since > GOES_S:
                self.store.delete("pods", self.namespace, name)
                del self.going[name]
                if run := self.runs.pop(name, None):
                    run.stop()

    def _run_pods(self) -> None:
        for pod in self._all("pods"):
            name = pod["metadata"]["name"]
            if name not in self.runs:
                home = self.folder / name
                home.mkdir(parents=True)
                self.runs[name] = PodRun(self.store, pod, home).start()
            self.store.put_status("pods", self.namespace, name, self.runs[name].status)

    def _tell(self, deployment: Body) -> None:
        mine = self._lasting(deployment)
        current = [pod for pod in mine if _hash(pod) == _template(deployment)]
        status = {
            "observedGeneration": deployment["metadata"]["generation"], "replicas": len(mine),
            "updatedReplicas": len(current), "readyReplicas": sum(map(self._is_ready, mine)),
        }  # fmt: skip
        self.store.put_status("deployments", self.namespace, deployment["metadata"]["name"], status)

    def _take_up(self, route: Body) -> None:
        """Say of each parent what a gateway says."""
        names = {one["metadata"]["name"] for one in self._all("services")}
        backends = [one["name"] for rule in route["spec"].get("rules", []) for one in rule.get("backendRefs", [])]
        held = {"Accepted": True, "ResolvedRefs": set(backends) <= names}
        conditions = [
            {
                "type": name, "status": str(is_so), "reason": name if is_so else "BackendNotFound", "message": "",
                "observedGeneration": route["metadata"]["generation"], "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for name, is_so in held.items()
        ]  # fmt: skip
        parents = [
            {"parentRef": parent, "controllerName": "example.org/gateway", "conditions": conditions}
            for parent in route["spec"].get("parentRefs", [])
        ]
        status = {"parents": parents} if parents else {}
        self.store.put_status("httproutes", self.namespace, route["metadata"]["name"], status)


def _owner(pod: Body) -> str:
    return str(pod["metadata"]["ownerReferences"][0]["uid"])


def _hash(pod: Body) -> str:
    return str(pod["metadata"]["labels"]["pod-template-hash"])


def _template(deployment: Body) -> str:
    return canonical.digest([deployment["spec"]["template"]])[:10]


def _prefix(route: Body) -> str:
    rules = route["spec"].get("rules") or [{}]
    return str(rules[0].get("matches", [{}])[0].get("path", {}).get("value", ""))
