"""The web server: `python -m config.web`. The application is loaded once; each worker is a fork of what was loaded.

So a start costs one load rather than one for each worker, a worker that died is back at once, and workers share their
memory. What a fork must not inherit (threads, connections) is made in the worker.
"""

import argparse
import gc
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from config import lifeline

WORKERS = 2
THREADS = 4  # per worker; requests spend their time in the database
# Each statement lets another thread of the process run, and whoever holds a lock of the database waits until that one
# lets go: 5 ms by Python's default, ten times in one write. Measured: a tenth to a third more writes a second.
SWITCH_S = 0.0005


def load() -> Callable[..., Any]:
    """Return the application, with what the first request would have to load."""
    from django.db import connections  # noqa: PLC0415 - settings must stand before
    from django.template import engines  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415

    from config.wsgi import application  # noqa: PLC0415

    reverse("pages:home")
    engines.all()
    connections.close_all()
    gc.collect()
    gc.freeze()  # a collection would write to every page the workers share
    return application


def serve(application: Callable[..., Any], options: argparse.Namespace) -> None:
    """Serve until told to stop."""
    multiprocessing.set_start_method("fork")

    def start_worker() -> Callable[..., Any]:
        lifeline.hold()
        sys.setswitchinterval(SWITCH_S)
        return application

    Server(
        "config.wsgi:application",
        address=options.host,
        port=options.port,
        interface=Interfaces.WSGI,
        workers=options.workers,
        blocking_threads=THREADS,
        websockets=False,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=2,
        log_level=LogLevels.warning,
        ssl_cert=options.tls_cert,
        ssl_key=options.tls_key,
        ssl_ca=options.tls_client_ca,
        ssl_client_verify=options.tls_client_ca is not None,
    ).serve(target_loader=start_worker, wrap_loader=False)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m config.web", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--tls-client-ca", type=Path)
    options = parser.parse_args()
    serve(load(), options)


if __name__ == "__main__":
    main()
