"""What pods fetch: the addresses of Signoff that they use, over files in memory. Signoff itself is asked elsewhere."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from serving.contract import FileLine, manifest_digest


class Files(ThreadingHTTPServer):
    """The files by digest."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), Handler)
        self.manifests: dict[str, tuple[FileLine, ...]] = {}
        self.blobs: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hold(self, named: dict[str, bytes]) -> tuple[str, tuple[FileLine, ...]]:
        """Keep the files; return their digest and lines."""
        lines = tuple(FileLine(path, hashlib.sha256(body).hexdigest(), len(body)) for path, body in named.items())
        self.blobs.update({line.sha256: named[line.path] for line in lines})
        self.manifests[manifest_digest(lines)] = lines
        return manifest_digest(lines), lines


class Handler(BaseHTTPRequestHandler):
    """One request of a pod."""

    def do_GET(self) -> None:
        files = cast("Files", self.server)
        digest, what, *rest = self.path.removeprefix("/api/v1/pods/").split("/")
        lines = files.manifests.get(digest)
        if lines is None or not self.headers.get("Authorization", "").startswith("Bearer sp_"):
            self._send(404, json.dumps({"message": "The files are not here."}).encode())
        elif what == "manifest":
            self._send(200, json.dumps({"files": [asdict(line) for line in lines]}).encode())
        else:
            self._send(200, files.blobs[rest[0]])

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@contextmanager
def files(host: str = "127.0.0.1", port: int = 0) -> Iterator[Files]:
    """Serve files as long as the block."""
    made = Files(host, port)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
        thread.join()
