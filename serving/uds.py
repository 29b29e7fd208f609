"""HTTP over a Unix socket."""

import http.client
import socket
from pathlib import Path


class Connection(http.client.HTTPConnection):
    """An HTTP connection to whoever listens at `path`."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self.path = path

    def connect(self) -> None:
        """Reach the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def ask(path: Path, target: str, *, method: str = "GET", timeout_s: float = 2.0) -> tuple[int, bytes]:
    """Return status and body; OSError where nobody answers in HTTP."""
    connection = Connection(path, timeout_s)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as why:
        raise ConnectionError(f"{path} does not speak HTTP: {why!r}") from why
    finally:
        connection.close()
