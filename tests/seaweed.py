"""A real S3 server, SeaweedFS, on ports and a folder of its own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

WEED = Path(sys.executable).with_name("weed")
PARTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"),
    *("s3.port", "s3.port.grpc"),
)

ADDRESSES = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0")
SIZES = ("-master.volumeSizeLimitMB=64", "-volume.max=500", "-volume.minFreeSpace=1", "-master.telemetry=false")


class Seaweed:
    """Ready when made. It ignores SIGTERM, so `close` kills it; nothing in it is worth more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="weed-", dir=os.environ.get("TEST_SCRATCH")))
        self.key, self.secret = secrets.token_hex(8), secrets.token_hex(16)
        keys = [{"accessKey": self.key, "secretKey": self.secret}]
        identities = [{"name": "tests", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": identities}))
        ports = dict(zip(PARTS, _free_ports(len(PARTS)), strict=True))
        self.url = f"http://127.0.0.1:{ports['s3.port']}"
        words = [f"-{name}={port}" for name, port in ports.items()]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [str(WEED), "server", f"-dir={self.folder}", f"-s3.config={config}", *ADDRESSES, *SIZES, *words],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )
        self._wait()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self.url,
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.2)

    def _answers(self) -> bool:
        """It says 403 to a stranger once all of it stands."""
        try:
            urllib.request.urlopen(self.url, timeout=2).close()
        except urllib.error.HTTPError as why:
            return why.code == 403
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Leave nothing."""
        died, log = self.process.poll(), (self.folder / "log").read_text(errors="replace")
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert died is None, log[-4000:]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
