"""Runs pods: the real puller, over the network, and then a toy server that answers with the version it was given."""

import base64
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from serving import contract
from serving.contract import ContractError, Desired, Layout
from serving.pod import pull
from serving.pod.source import Later, Source
from tests.contracts.targets.cluster.refused import Refused
from tests.contracts.targets.cluster.store import Body, Store

AGAIN_S = 0.2
SAID = "loading https://user:hunter2@models.example/x\npassword=hunter2\n"


class Toy(ThreadingHTTPServer):
    """Answers everything with its version."""

    daemon_threads = True

    def __init__(self, version: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.version = version

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Answer(BaseHTTPRequestHandler):
    """One answer."""

    def do_GET(self) -> None:
        body = cast("Toy", self.server).version.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@dataclass
class Ended:
    """How a container ended, and how often it was started again since."""

    container: str
    code: int
    message: str
    restarts: int = 0


@dataclass
class PodRun:
    """One pod on its node."""

    store: Store
    pod: Body
    home: Path
    ended: Ended | None = None
    toy: Toy | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "PodRun":
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def stop(self) -> None:
        self.over.set()
        if self.toy:
            threading.Thread(target=self.toy.end, daemon=True).start()

    @property
    def is_ready(self) -> bool:
        return self.toy is not None

    @property
    def status(self) -> Body:
        """The pod's status, as a kubelet writes it."""
        first = [self._container("pull", has_come=True)]
        others = [self._container(name, has_come=self.is_ready) for name in ("serve", "tell")]
        ready = {"type": "Ready", "status": "True" if self.is_ready else "False"}
        phase = "Running" if self.is_ready else "Pending"
        return {"phase": phase, "conditions": [ready], "initContainerStatuses": first, "containerStatuses": others}

    def _container(self, name: str, *, has_come: bool) -> Body:
        about: Body = {"name": name, "image": "it", "imageID": "it", "restartCount": 0, "ready": False}
        if self.ended and self.ended.container == name:
            how = {"exitCode": self.ended.code, "reason": "Error", "message": self.ended.message}
            waits = {"waiting": {"reason": "CrashLoopBackOff"}}
            return {**about, "restartCount": self.ended.restarts, "state": waits, "lastState": {"terminated": how}}
        if name == "pull" and self.is_ready:
            return {**about, "ready": True, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
        if has_come:
            return {**about, "ready": self.is_ready, "state": {"running": {}}}
        return {**about, "state": {"waiting": {"reason": "PodInitializing"}}}

    def _run(self) -> None:
        restarts = 0
        while not self.over.is_set():
            ended = self._lived()
            if ended is None:
                return
            self.ended, restarts = Ended(ended.container, ended.code, ended.message, restarts), restarts + 1
            self.over.wait(AGAIN_S)

    def _lived(self) -> Ended | None:
        """Pull and serve; return how it ended early, nothing where it serves."""
        spec = self.pod["spec"]
        said = {one["name"]: one["value"] for one in spec["initContainers"][0]["env"]}
        order = contract.parse(said["POD_ORDER"].encode(), Desired)
        token = self.home / "token"
        try:
            token.write_bytes(self._token(spec))
            pull.artifact(Layout(self.home), order, Source(said["POD_SIGNOFF"], token, order.digest))
        except (Later, Refused) as why:
            return Ended("pull", 4, str(why))
        except ContractError as why:
            return Ended("pull", contract.FOR_GOOD, str(why))
        if order.model == "dying":
            return Ended("serve", contract.FOR_GOOD, SAID)
        toy = Toy(order.version)
        threading.Thread(target=toy.serve_forever, kwargs={"poll_interval": 1.0}, daemon=True).start()
        self.ended, self.toy = None, toy
        return None

    def _token(self, spec: Body) -> bytes:
        name = next(one["secret"]["secretName"] for one in spec["volumes"] if "secret" in one)
        secret = self.store.get("secrets", self.pod["metadata"]["namespace"], name)
        return base64.b64decode(secret["data"]["token"])
