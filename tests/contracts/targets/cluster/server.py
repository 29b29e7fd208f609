"""An API server over a Store, by HTTP: what a real one answers 401, 404, 409 or 422, this one does as well."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from tests.contracts.targets.cluster import schemas
from tests.contracts.targets.cluster.refused import Refused
from tests.contracts.targets.cluster.store import Body, Store

TOKEN = "the-cluster-token-of-signoff"


class Server(ThreadingHTTPServer):
    """The API of one cluster. While `silent` is set it takes requests and does not answer."""

    daemon_threads = True

    def __init__(self, store: Store, without: frozenset[str] = frozenset()) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.store, self.without = store, without
        self.silent = threading.Event()
        self.asked: list[tuple[str, str]] = []

    def handle_error(self, *_: Any) -> None:
        """Clients may go."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet: its second would wait for the first to be acknowledged

    def do_GET(self) -> None:
        self._answered()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - as http.server calls them

    def _answered(self) -> None:
        server = cast("Server", self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.asked.append((self.command, self.path))
        while server.silent.is_set():
            time.sleep(0.02)
        try:
            said = self._routed(server, json.loads(body) if body else {})
            code = 201 if self.command == "POST" else 200
        except Refused as why:
            said, code = why.status, why.code
        if isinstance(said, dict):
            self._send(code, said)
        else:
            self._stream(said)

    def _routed(self, server: Server, body: Body) -> Body | Iterator[Body]:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "Unauthorized", "Unauthorized")
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        words = parts.path.strip("/").split("/")
        group, version, rest = ("", words[1], words[2:]) if words[0] == "api" else (words[1], words[2], words[3:])
        known = [
            k for k in schemas.KINDS if (k.group, k.version) == (group, version) and k.plural not in server.without
        ]
        if not known:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if not rest:
            return {"kind": "APIResourceList", "resources": [{"name": one.plural, "kind": one.kind} for one in known]}
        if rest[0] != "namespaces" or len(rest) < 3:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        kind = next((one for one in known if one.plural == rest[2]), None)
        if kind is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        return self._done(server.store, kind, rest[1], rest[3:], query, body)

    def _done(
        self, store: Store, kind: schemas.Kind, namespace: str, rest: list[str], query: dict[str, str], body: Body
    ) -> Body | Iterator[Body]:
        name = rest[0] if rest else ""
        if self.command == "GET":
            return self._read(store, kind, namespace, name, query)
        if rest[1:] == ["status"]:
            return store.put_status(kind.plural, namespace, name, body["status"])
        return self._written(store, kind, namespace, name, query, body)

    def _read(
        self, store: Store, kind: schemas.Kind, namespace: str, name: str, query: dict[str, str]
    ) -> Body | Iterator[Body]:
        if not name:
            if query.get("watch") in {"1", "true"}:
                seconds = float(query.get("timeoutSeconds", "1"))
                happened = store.since(kind.plural, int(query.get("resourceVersion") or 0), seconds)
                return ({"type": what, "object": seen} for what, seen in happened)
            items = store.all(kind.plural, namespace, query.get("labelSelector", ""))
            about = {"resourceVersion": str(store.number)}
            return {"kind": f"{kind.kind}List", "apiVersion": kind.api, "metadata": about, "items": items}
        return store.get(kind.plural, namespace, name)

    def _written(
        self, store: Store, kind: schemas.Kind, namespace: str, name: str, query: dict[str, str], body: Body
    ) -> Body:
        manager = query.get("fieldManager", "unknown")
        if self.command == "POST":
            return store.create(kind, namespace, body, manager)
        if self.command == "DELETE":
            return store.delete(kind.plural, namespace, name, body.get("preconditions"))
        if self.command == "PUT":
            return store.replace(kind, namespace, name, body, manager)
        if self.headers.get("Content-Type") != "application/apply-patch+yaml":
            raise Refused(415, "UnsupportedMediaType", "only server-side apply is played here")
        if "fieldManager" not in query:
            raise Refused(400, "BadRequest", "fieldManager is required for apply patch")
        return store.apply(kind, namespace, name, body, manager, force=query.get("force") == "true")

    def _send(self, code: int, said: Body) -> None:
        text = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, said: Iterator[Body]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        for one in said:
            self.wfile.write(json.dumps(one).encode() + b"\n")
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(store: Store, without: frozenset[str] = frozenset()) -> Iterator[Server]:
    """Serve the store as long as the block."""
    server = Server(store, without)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.silent.clear()
        server.shutdown()
        server.server_close()
        thread.join()


def kubeconfig(folder: Path, server: Server, token: str = TOKEN) -> Path:
    """Write how the server is reached."""
    path = folder / f"kubeconfig-{server.server_address[1]}"
    said = {
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "signoff"}}],
        "users": [{"name": "signoff", "user": {"token": token}}],
    }  # fmt: skip
    path.write_text(json.dumps(said), encoding="utf-8")
    return path
