"""`python -m serving.evidence --home HOME` carries evidence to the stream until it is told to stop.

The stream is in the server that SIGNOFF_REDIS_URL names (not an option: it may hold a password), else in our own.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

import redis

from serving import lifeline
from serving.contract import Layout
from serving.evidence.carrier import Carrier

PAUSE_S, AWAY_S = 0.1, 1.0


def main() -> int:
    """Carry."""
    parser = argparse.ArgumentParser(prog="python -m serving.evidence")
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    lifeline.hold()
    layout = Layout(given.home.absolute())
    url = os.environ.get("SIGNOFF_REDIS_URL") or f"unix://{layout.broker_socket}"
    carrier = Carrier(layout, redis.Redis.from_url(url, socket_timeout=5))
    pause_s, is_away = PAUSE_S, False
    while not stop.wait(pause_s):
        try:
            pause_s = 0.0 if carrier.turn() else PAUSE_S
            is_away = False
        except redis.RedisError as why:
            if not is_away:
                sys.stderr.write(f"evidence waits in its files: {why}\n")
            pause_s, is_away = AWAY_S, True
    return 0


if __name__ == "__main__":
    sys.exit(main())
