"""The local target's world: the real runner and the real router; only the model servers are toys."""

import hashlib
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

from deployments.targets.contract import Release
from deployments.targets.local.target import LocalTarget
from serving import artifacts
from serving.contract import FileLine, Layout, manifest_digest
from serving.router import admin
from serving.router.follow import Follower
from serving.runner.loop import Runner
from serving.runner.replica import Means
from serving.sandbox import Probe
from tests.contracts.targets.stages import Died
from tests.serving.rig import ROOT
from tests.serving.toy_runner import PACE, launch
from tests.serving.waiting import until

SALT = "5a17" * 8
HELD_IN = Probe("none", "Nothing holds a toy.")


class LocalStage:
    """A home with a runner, a follower and Envoy."""

    def __init__(self, home: Path) -> None:
        self.layout = Layout(home)
        self.turn, self.over = threading.Lock(), threading.Event()
        pools = ThreadPoolExecutor(2), ThreadPoolExecutor(4)
        prepare = partial(artifacts.materialise, self.layout)
        self.runner = Runner(Means(self.layout, prepare, lambda _: HELD_IN, launch, *pools, PACE))
        self.follower = Follower(self.layout)
        self.threads = [threading.Thread(target=self._work, args=[who.tick]) for who in (self.runner, self.follower)]

    def _work(self, tick: Callable[[], None]) -> None:
        while not self.over.wait(0.02):
            with self.turn:
                tick()

    def target(self) -> LocalTarget:
        return LocalTarget(self.layout.home)

    def release(self, endpoint: str, version: int) -> Release:
        files = [self._blob("MLmodel", b"{}"), self._blob("model.bin", f"{endpoint} {version}".encode())]
        digest = manifest_digest(tuple(files))
        lines = tuple((line.path, line.sha256, line.size) for line in files)
        return Release(str(uuid4()), endpoint, "steady", version, digest, lines, "0" * 64, SALT)

    def _blob(self, path: str, content: bytes) -> FileLine:
        line = FileLine(path, hashlib.sha256(content).hexdigest(), len(content))
        self.layout.blob(line.sha256).parent.mkdir(parents=True, exist_ok=True)
        self.layout.blob(line.sha256).write_bytes(content)
        return line

    def damaged(self, release: Release) -> Release:
        _, sha256, size = release.files[1]
        self.layout.blob(sha256).write_bytes(b"x" * size)
        return release

    def talkative(self, release: Release) -> tuple[Release, list[str]]:
        return replace(release, model="dying"), ["hunter2", SALT]

    def answer(self, endpoint: str) -> str | None:
        address = f"http://127.0.0.1:{admin.port(self.layout.admin_socket)}/endpoints/{endpoint}/version"
        try:
            with urllib.request.urlopen(address, timeout=5) as said:
                return str(said.read().decode())
        except urllib.error.HTTPError as why:
            if why.code not in {404, 503}:
                raise
            return None

    @contextmanager
    def dying(self, at: int) -> Iterator[None]:
        changes = 0

        def count(path: Path) -> None:
            nonlocal changes
            changes += not path.name.startswith(".")
            if changes == at:
                raise Died

        real_rename, real_unlink = Path.rename, Path.unlink

        def rename(path: Path, to: Path) -> Path:
            count(to)
            return real_rename(path, to)

        def unlink(path: Path, *, missing_ok: bool = False) -> None:
            count(path)
            real_unlink(path, missing_ok=missing_ok)

        with self.away(), patch.object(Path, "rename", rename), patch.object(Path, "unlink", unlink):
            yield

    @contextmanager
    def away(self) -> Iterator[None]:
        with self.turn:
            yield


@contextmanager
def stage(home: Path) -> Iterator[LocalStage]:
    """Run the home's data plane as long as the block."""
    made = LocalStage(home)
    made.follower.router.write()
    command = [sys.executable, "-m", "serving.router", "serve", "--home", str(home), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT) as router:
        try:
            until(lambda: admin.is_ready(made.layout.admin_socket))
            for thread in made.threads:
                thread.start()
            yield made
        finally:
            made.over.set()
            for thread in made.threads:
                thread.join()
            for replica in made.runner.replicas.values():
                if replica.life:
                    replica.life.kill()
            router.kill()
