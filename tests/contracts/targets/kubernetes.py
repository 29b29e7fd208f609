"""The Kubernetes target's world: an API server that is strict, controllers, real pulls, real requests to toy servers.

With KUBECONFIG given, `make test-k8s` runs the suite against a real cluster instead; see docs/how-to.
"""

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit
from uuid import uuid4

from deployments.targets.contract import Release
from deployments.targets.kubernetes.cluster import Cluster
from deployments.targets.kubernetes.place import Place
from deployments.targets.kubernetes.target import KubernetesTarget
from tests.contracts.targets.cluster import artifacts, server
from tests.contracts.targets.cluster.store import Store
from tests.contracts.targets.cluster.world import World
from tests.contracts.targets.stages import Died

NAMESPACE = "models"
SALT = "5a17" * 8


class KubernetesStage:
    """A namespace of a cluster, and files that its pods fetch."""

    def __init__(self, place: Place, world: World, files: artifacts.Files) -> None:
        self.place, self.world, self.files = place, world, files

    def target(self) -> KubernetesTarget:
        return KubernetesTarget(self.place)

    def release(self, endpoint: str, version: int) -> Release:
        digest, lines = self.files.hold({"MLmodel": b"{}", "model.bin": f"{endpoint} {version}".encode()})
        files = tuple((line.path, line.sha256, line.size) for line in lines)
        return Release(str(uuid4()), endpoint, "steady", version, digest, files, "0" * 64, SALT)

    def damaged(self, release: Release) -> Release:
        _, sha256, size = release.files[1]
        self.files.blobs[sha256] = b"x" * size
        return release

    def talkative(self, release: Release) -> tuple[Release, list[str]]:
        return replace(release, model="dying"), ["hunter2", SALT, server.TOKEN]

    def answer(self, endpoint: str) -> str | None:
        return self.world.answer(endpoint)

    @contextmanager
    def dying(self, at: int) -> Iterator[None]:
        changes, real = 0, Cluster._ask

        def ask(cluster: Cluster, method: str, *words: Any, **more: Any) -> Any:
            nonlocal changes
            changes += method != "GET"
            if changes == at and method != "GET":
                raise Died
            return real(cluster, method, *words, **more)

        with self.away(), patch.object(Cluster, "_ask", ask):
            yield

    @contextmanager
    def away(self) -> Iterator[None]:
        with self.world.turn:
            yield


class RealStage(KubernetesStage):
    """A real cluster that the environment names; its controllers are its own, and nobody stops them."""

    def __init__(self, place: Place, files: artifacts.Files, gateway: str) -> None:
        self.place, self.files, self.gateway = place, files, gateway

    def answer(self, endpoint: str) -> str | None:
        try:
            with urllib.request.urlopen(f"{self.gateway}/endpoints/{endpoint}/version", timeout=5) as said:
                return str(said.read().decode())
        except urllib.error.HTTPError:
            return None

    @contextmanager
    def away(self) -> Iterator[None]:
        yield


@contextmanager
def stage(home: Path) -> Iterator[KubernetesStage]:
    """Run a cluster as long as the block, or use the one that TEST_K8S_* name."""
    home.mkdir(parents=True)
    if os.environ.get("TEST_K8S_NAMESPACE"):
        said = {name: os.environ[f"TEST_K8S_{name.upper()}"] for name in ("namespace", "image", "gateway", "address")}
        with artifacts.files("0.0.0.0", urlsplit(said["address"]).port or 80) as files:
            yield RealStage(Place(os.environ["KUBECONFIG"], **said), files, os.environ["TEST_K8S_URL"])
        return
    store = Store(frozenset({NAMESPACE}))
    world = World(store, NAMESPACE, home / "pods")
    with artifacts.files() as files, server.serving(store) as api:
        config = server.kubeconfig(home, api)
        place = Place(str(config), NAMESPACE, "registry.example/signoff-model@sha256:0", "infra/public", files.address)
        thread = threading.Thread(target=world.go_on)
        thread.start()
        try:
            yield KubernetesStage(place, world, files)
        finally:
            world.over.set()
            thread.join()
            world.stop()
