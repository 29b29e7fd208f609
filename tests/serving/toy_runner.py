"""The runner with small servers in place of models: `python -m tests.serving.toy_runner ROLE --home HOME …`."""

import argparse
import http.server
import os
import signal
import socketserver
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from serving import launching, lifeline
from serving.contract import ContractError, Desired, Isolation, Layout, load
from serving.runner.__main__ import run
from serving.runner.pace import Pace
from serving.runner.replica import Means
from serving.sandbox import Probe

ROOT = Path(__file__).resolve().parents[2]
PACE = Pace(
    first_wait_s=0.1,
    longest_wait_s=0.3,
    first_long_wait_s=30.0,
    steady_s=1.0,
    quick_deaths=3,
    start_s=3.0,
    drain_s=1.5,
    look_every_s=0.2,
    silent_looks=2,
    keep_stopped_s=1.0,
)


def command(role: str, home: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "tests.serving.toy_runner", role, "--home", str(home), *words]


def say(layout: Layout, *words: object) -> None:
    with (layout.home / "toys").open("a") as log:
        log.write(" ".join(map(str, words)) + "\n")


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything with its version."""

    hangs = False
    version = ""

    def do_GET(self) -> None:
        if Handler.hangs:
            time.sleep(60)
        self.send_response(200)
        self.send_header("content-length", str(len(Handler.version)))
        self.end_headers()
        self.wfile.write(Handler.version.encode())

    def log_message(self, *words: Any) -> None:
        pass

    def address_string(self) -> str:
        return ""


def drain(layout: Layout, replica: str) -> NoReturn:
    say(layout, "drained", replica)
    sys.exit()


def server(layout: Layout, replica: str) -> None:
    """Behaves as its model's name says."""
    desired = load(layout.launched(replica), Desired)
    say(layout, "start", replica, os.getpid(), desired.version)
    signal.signal(signal.SIGTERM, lambda *_: drain(layout, replica))
    if desired.model == "dying":
        sys.stderr.write("loading https://user:hunter2@models.example/x\npassword=hunter2\n")
        sys.exit(3)
    if desired.model == "stillborn":
        time.sleep(60)
    if desired.model == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "60"])
    lifeline.hold()
    Handler.version = desired.version
    if desired.model == "hanging":
        signal.setitimer(signal.ITIMER_REAL, 0.8)
        signal.signal(signal.SIGALRM, lambda *_: setattr(Handler, "hangs", True))
    Server(str(layout.socket(replica)), Handler).serve_forever()


def launch(layout: Layout, desired: Desired, _: Isolation) -> "subprocess.Popen[bytes]":
    launching.prepare(layout, desired)
    with launching.log_path(layout, desired.replica).open("wb") as log:
        return subprocess.Popen(
            command("server", layout.home, "--replica", desired.replica),
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def prepare(desired: Desired) -> None:
    if desired.model == "unbuildable":
        raise ContractError("torch==99 cannot be had.")
    time.sleep(2.5 if desired.model == "slow" else 0.0)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["runner", "server"])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--replica", default="")
    given = parser.parse_args()
    layout = Layout(given.home)
    if given.role == "server":
        server(layout, given.replica)
        return 0
    isolate = Probe("none", "Nothing holds a toy.")
    pools = ThreadPoolExecutor(2), ThreadPoolExecutor(4)
    return run(Means(layout, prepare, lambda _: isolate, launch, *pools, PACE))


if __name__ == "__main__":
    status = main()
    os._exit(status)
