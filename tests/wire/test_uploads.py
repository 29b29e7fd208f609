"""Uploads over a real connection: large files in parts, cut ones, two at once, and paths that no client would send."""

import http.client
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.wire.conftest import Client
from tests.wire.server import Server

pytestmark = pytest.mark.wire


def test_a_large_file_goes_in_parts_and_comes_back(client: Client, server: Server) -> None:
    client.run(
        "dana",
        """
from pathlib import Path
asked = []
import mlflow.store.artifact.http_artifact_repo as repo
put = repo.requests.put
def spy(*args, **named):
    asked.append((args, named.get("headers")))
    return put(*args, **named)
repo.requests.put = spy
Path("large.bin").write_bytes(os.urandom(7 * 2**20 + 5))
with mlflow.start_run() as run:
    mlflow.log_artifact("large.bin", "deep/er")
assert len(asked) == 8, asked
assert not any(headers for _, headers in asked)
back = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/deep/er/large.bin", dst_path="back")
assert Path(back).read_bytes() == Path("large.bin").read_bytes()
""",
        MLFLOW_TRACKING_TOKEN=server.token("dana"),
        MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=str(2**20),
        MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(2**20),
    )


PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def root(client: Client) -> str:
    """The root of a new run's files."""
    return (
        client.run("dana", "print(client.create_run('0').info.artifact_uri)").strip().removeprefix("mlflow-artifacts:/")
    )


def head(server: Server, method: str, path: str, length: int = 0) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {server.token('dana')}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def asked(server: Server, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send the path as it stands; no library tidies it up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(head(server, method, path, len(body)) + body)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        return answer.status, answer.read()


def soon(true: Callable[[], bool], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def test_an_upload_that_is_cut_off_leaves_what_was_there(server: Server, root: str) -> None:
    whole, cut = b"a" * 100_000, b"b" * 3_000_000
    path = f"{PROXY}/{root}/model.bin"
    assert asked(server, "PUT", path, whole)[0] == 200
    for sent in (0, 10, 70_000, len(cut) - 1):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(head(server, "PUT", path, len(cut)) + cut[:sent])
    assert soon(lambda: not list(Path(server.home, "blobs", "drafts").iterdir()))
    assert asked(server, "GET", path) == (200, whole)


def test_of_two_uploads_to_one_path_at_once_one_stands_whole(server: Server, root: str) -> None:
    bodies = [bytes([number]) * 2_000_000 for number in range(4)]
    gate = Barrier(len(bodies))

    def put(body: bytes) -> int:
        gate.wait()
        return asked(server, "PUT", f"{PROXY}/{root}/same.bin", body)[0]

    with ThreadPoolExecutor(len(bodies)) as crowd:
        assert set(crowd.map(put, bodies)) == {200}
    assert asked(server, "GET", f"{PROXY}/{root}/same.bin")[1] in bodies


CLIMBING = [
    "../../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e/x", "..%5c..%5cx", "//etc/passwd",
    "a/%00", "a/./b", "a//b", "\\..\\x",
]  # fmt: skip


@pytest.mark.parametrize("climb", CLIMBING)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_path_that_climbs_is_refused_as_it_comes_off_the_wire(
    server: Server, root: str, method: str, climb: str
) -> None:
    for path in (f"{PROXY}/{climb}", f"{PROXY}/{root}/{climb}"):
        status, said = asked(server, method, path, b"x" if method == "PUT" else b"")
        assert 400 <= status < 500, (path, said)
        assert b"root:" not in said
    assert not list(Path(server.home).rglob("passwd"))
