"""`python -m serving.runner --home HOME` keeps that home's model servers until it is told to stop.

They outlive it, so that it can be replaced without a request lost; they end with the lifeline.
"""

import argparse
import fcntl
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from serving import launching, lifeline, sandbox
from serving.contract import Layout
from serving.preparing import prepare
from serving.runner.loop import Runner
from serving.runner.replica import Means

TICK_S = 0.2
BUILDERS, LOOKERS = 2, 4
TAKEN = 3


def run(means: Means) -> int:
    """Keep the home's replicas until SIGTERM or SIGINT; refuse where another runner does."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    lifeline.hold()
    root = means.layout.root
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (root / "runner.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"Another runner keeps the model servers of {means.layout.home}.\n")
            return TAKEN
        runner = Runner(means)
        while not stop.wait(TICK_S):
            runner.tick()
    return 0


def main() -> int:
    """Run with the real means."""
    parser = argparse.ArgumentParser(prog="python -m serving.runner")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable).resolve(), help="what environments are made from"
    )
    parser.add_argument("--offline", action="store_true", help="build from uv's cache only")
    given = parser.parse_args()
    launching.compile_package()
    layout = Layout(given.home.absolute())
    means = Means(
        layout,
        prepare=partial(prepare, layout, given.python, given.offline),
        isolate=lambda desired: sandbox.choose(desired, sandbox.probe()),
        launch=launching.launch,
        builders=ThreadPoolExecutor(BUILDERS, thread_name_prefix="build"),
        lookers=ThreadPoolExecutor(LOOKERS, thread_name_prefix="look"),
    )
    return run(means)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # a build that is under way must not hold the end up
