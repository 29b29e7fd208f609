"""A home with models in it, and model servers started as the runner starts them."""

import base64
import fcntl
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from serving import artifacts, environments, launching, locking
from serving.contract import Desired, FileLine, Isolation, Layout, Token, TokenTable, dump, manifest_digest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(os.environ.get("TEST_CLIENT_PYTHON", ROOT / ".venv-client" / "bin" / "python"))
KEPT = ROOT / "build" / "serving"  # environments are kept between runs; make clean removes them
TOKEN = "a-token"
START_S = 60.0
SMALL = "pyyaml==6.0.2"  # an environment of one package
# score = sigmoid(f0 * -1 + f1 * 0 + f2 * 1), float32, any number of rows
ONNX = base64.b64decode(
    "CAk6bgoRCgFYCgFXEgF6IgZNYXRNdWwKEwoBehIFc2NvcmUiB1NpZ21vaWQSAWcqFwgDCAEQAUIBV0oMAACAvwAAAAAAAIA/WhEKAVgSDAoKCAES"
    "BgoACgIIA2IVCgVzY29yZRIMCgoIARIGCgAKAggBQgQKABAR"
)
ONNX_COLUMNS = ["f0", "f1", "f2"]


def save_onnx(folder: Path, content: bytes = ONNX, columns: list[str] = ONNX_COLUMNS) -> None:
    """Write a model's folder as MLflow would, without the onnx package."""
    folder.mkdir()
    inputs = json.dumps([{"type": "double", "name": name, "required": True} for name in columns])
    said = {
        "flavors": {"onnx": {"data": "model.onnx"}, "python_function": {"loader_module": "mlflow.onnx"}},
        "mlflow_version": "3.17.2",
        "signature": {"inputs": inputs, "outputs": None, "params": None},
    }
    (folder / "model.onnx").write_bytes(content)
    (folder / "MLmodel").write_text(json.dumps(said), encoding="utf-8")  # JSON is YAML
    (folder / "requirements.txt").write_text("mlflow==3.17.2\nonnx\nonnxruntime\n", encoding="utf-8")


def client_models() -> Path:
    """Return the folder of the models the client made, once for all workers and until script or client changes."""
    script = Path(__file__).with_name("make_models.py")
    said = script.read_bytes() + (ROOT / "requirements" / "client.lock").read_bytes()
    folder = KEPT / f"models-{hashlib.sha256(said).hexdigest()[:16]}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "models.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(dir=KEPT))
            subprocess.run([str(CLIENT), str(script), str(draft)], check=True, capture_output=True, cwd=draft)
            draft.rename(folder)
    return folder


def locked(requirements: list[str]) -> str:
    """Return the lock, resolved once for as long as the requirements stay."""
    kept = KEPT / f"{hashlib.sha256(repr(requirements).encode()).hexdigest()[:16]}.lock"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(locking.lock(requirements, "3.11"), encoding="utf-8")
    return kept.read_text(encoding="utf-8")


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


class Connection(http.client.HTTPConnection):
    """HTTP over a local socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("model", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


class Home:
    """A home whose token table is published as the web side does."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.tokens = {TOKEN: Token("fraud", "predict")}
        self.publishing = threading.Event()
        self.publishing.set()
        self.publish()
        threading.Thread(target=self._publish_on, daemon=True).start()

    def publish(self) -> None:
        """Write the table as it stands."""
        table = {hashlib.sha256(text.encode()).hexdigest(): token for text, token in dict(self.tokens).items()}
        dump(self.layout.tokens, TokenTable(time.time(), table))

    def _publish_on(self) -> None:
        while self.publishing.is_set():
            time.sleep(0.3)
            if self.layout.tokens.parent.exists():
                self.publish()

    def desire(self, replica: str, model: Path, memory_mb: int = 1024) -> Desired:
        """Put the model's files among the blobs and say that it should run; its environment is there."""
        lines = []
        for path in sorted(path for path in model.rglob("*") if path.is_file()):
            content = path.read_bytes()
            line = FileLine(path.relative_to(model).as_posix(), hashlib.sha256(content).hexdigest(), len(content))
            blob = self.layout.blob(line.sha256)
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)
            lines.append(line)
        files = tuple(lines)
        wanted = Desired(
            replica=replica,
            endpoint="fraud",
            model="scorer",
            version="3",
            digest=manifest_digest(files),
            manifest=files,
            lock_digest="0" * 64,
            sandbox="required",
            memory_mb=memory_mb,
            fence=1,
            rollout_id="rollout-1",
            key="key-1",
        )
        wanted = replace(wanted, lock_digest=self.environment(model))
        dump(self.layout.desired(replica), wanted)
        artifacts.materialise(self.layout, wanted)
        return wanted

    def environment(self, model: Path) -> str:
        """Return the digest of the model's lock, which is written; its environment is shared between runs."""
        said = json.loads(_as_json(model / "MLmodel"))
        asked = (model / "requirements.txt").read_text(encoding="utf-8")
        text = locked(locking.choose_requirements(said, asked))
        digest = locking.digest(text)
        built = KEPT / "envs" / digest
        environments.build(text, built, Path(sys.executable).resolve())
        lock, place = self.layout.lock(digest), self.layout.environment(digest)
        for path in (lock, place):
            path.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(text, encoding="utf-8")
        if not place.exists():
            place.symlink_to(built)
        return digest


def _as_json(path: Path) -> str:
    return json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str)


class Running:
    """A model server that runs."""

    def __init__(self, home: Home, desired: Desired, keeper: "subprocess.Popen[bytes]") -> None:
        self.home, self.desired, self.keeper = home, desired, keeper
        self.socket = home.layout.socket(desired.replica)

    def ask(self, path: str, body: Any = None, *, token: str | None = TOKEN, **headers: str) -> Answer:
        """Send one request; a body that is not bytes goes as JSON."""
        connection = Connection(self.socket)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"content-type": "application/json", **sent}
        connection.request("GET" if body is None else "POST", path, body, sent)
        answer = connection.getresponse()
        got = Answer(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
        connection.close()
        return got

    def predict(self, **body: Any) -> Answer:
        """Ask for predictions, MLflow's way."""
        return self.ask("/invocations", body)

    @property
    def log(self) -> str:
        return launching.log_path(self.home.layout, self.desired.replica).read_text(errors="replace")

    def wait(self) -> None:
        """Return once the server is ready."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.keeper.poll() is None:
            try:
                if self.ask("/v2/health/ready").status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log}")


@contextmanager
def running(home: Home, desired: Desired, isolation: Isolation) -> Iterator[Running]:
    """Run a model server as long as the block."""
    server = Running(home, desired, launching.launch(home.layout, desired, isolation))
    try:
        server.wait()
        yield server
    finally:
        server.keeper.terminate()
        server.keeper.wait(20)
