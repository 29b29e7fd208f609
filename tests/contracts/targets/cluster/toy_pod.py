"""A pod's three containers with a toy in place of the model: `toy_pod.py pull|serve|tell`."""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from serving.contract import FOR_GOOD, ContractError
from serving.pod.__main__ import LATER, Pod, leave
from serving.pod.pull import artifact
from serving.pod.source import Later

SAID = "loading https://user:hunter2@models.example/x\npassword=hunter2\n"


class Answer(BaseHTTPRequestHandler):
    """Answers everything with the version."""

    version = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.version)))
        self.end_headers()
        self.wfile.write(self.version.encode())

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


def pull(pod: Pod) -> int:
    """Fetch the files; there are no packages."""
    try:
        artifact(pod.layout, pod.order, pod.source)
    except Later as why:
        return leave(pod.words, str(why), LATER)
    except ContractError as why:
        return leave(pod.words, str(why), FOR_GOOD)
    return 0


def serve(pod: Pod) -> int:
    """Answer with the version, or die of saying too much."""
    if pod.order.model == "dying":
        sys.stderr.write(SAID)
        pod.words.write_text(SAID, encoding="utf-8")
        return FOR_GOOD
    Answer.version = pod.order.version
    server = ThreadingHTTPServer(("", pod.port), Answer)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    return 0


def tell(pod: Pod) -> int:
    """Wait to be told to stop."""
    del pod
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    over.wait()
    return 0


if __name__ == "__main__":
    sys.exit({"pull": pull, "serve": serve, "tell": tell}[sys.argv[1]](Pod.of(os.environ)))
