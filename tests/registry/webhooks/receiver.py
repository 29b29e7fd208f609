"""A real receiver on loopback that keeps what it was sent and answers as told."""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Got:
    """One request."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def said(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Answers 200, or what stands next in `answers`: a status, or a status and a header."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: list[int | tuple[int, str, str]] = []
        self.before: Callable[[], object] = lambda: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?a=b"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def wait(self, count: int, seconds: float = 10) -> list[Got]:
        until = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < until, self.got
            time.sleep(0.02)
        return self.got

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(Got(dict(self.headers.items()), body, time.time()))
                receiver.before()
                answer = receiver.answers.pop(0) if receiver.answers else 200
                status, *more = answer if isinstance(answer, tuple) else (answer,)
                self.send_response(int(status))
                if more:
                    self.send_header(*map(str, more))
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"seen")

            def log_message(self, *_: object) -> None:
                pass

        return Handler
