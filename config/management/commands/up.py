"""`manage.py up`: everything Signoff needs, in the foreground."""

import os
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import leftovers, startup
from config.client_certificates import admit
from config.env import is_loopback
from config.processes import MODES, Address, processes
from config.supervisor import at_once, supervise
from serving.contract import ContractError, Layout, Observed, load

log = structlog.get_logger(__name__)
SETTLED = frozenset({"ready", "failed"})


class Command(BaseCommand):
    help = "Serve this home: starts every process, restarts what dies, ends all of it on Ctrl-C."
    requires_system_checks = ("ledger",)  # the others judge the code, half a second at each start; tests make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="0 chooses a free one (default: 8000)")
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--router-port", type=int, default=0, help="port of the endpoints; 0 chooses a free one")
        parser.add_argument("--only", choices=MODES, default="all", help="web: pages and REST, nothing that deploys")

    def handle(self, *_args: Any, port: int, bind: str, only: str, router_port: int, **_options: Any) -> None:
        os.environ["SIGNOFF_HOME"] = str(settings.HOME)  # a relative one would mean another folder after chdir
        os.chdir(settings.BASE_DIR)
        try:
            serve(bind, port, only, router_port)
        except startup.CannotStart as why:
            raise CommandError(str(why)) from why


def serve(bind: str, port: int, mode: str, router_port: int) -> None:
    """Serve the home until told to stop."""
    run = settings.HOME / "run"
    startup.check_bind(bind, cert=settings.TLS_CERT, key=settings.TLS_KEY, proxy=settings.TLS_PROXY)
    if settings.TLS_SELF_SIGNED:
        startup.sign_for_itself(bind)
    startup.check_tls(settings.TLS_CERT, settings.TLS_KEY)
    startup.check_client_ca(settings.TLS_CLIENT_CA, settings.TLS_CERT)
    startup.check_checkpoint_file(settings.CHECKPOINT_FILE)
    if not is_loopback(bind) and not settings.PUBLIC_HOSTS:
        log.warning("answers under loopback names only: set SIGNOFF_PUBLIC_URL or SIGNOFF_ALLOWED_HOSTS", bind=bind)
    with startup.sole(run), startup.noted(run / "up.json"):
        if swept := leftovers.sweep(run):
            log.warning("ended what an earlier run left", processes=swept)
        port = startup.free_port(bind, port)
        router_port = startup.free_port(bind, router_port) if mode == "all" else 0
        startup.prepare(run)
        clients = admit(Path(settings.TLS_CLIENT_CA), run) if settings.TLS_CLIENT_CA else None
        address = Address(bind, port, settings.TLS_CERT, settings.TLS_KEY, clients)
        serving = Serving(Layout(settings.HOME)) if mode == "all" else at_once
        supervise(processes(mode, address, router_port), run, lambda: announce(address, router_port), serving)


class Serving:
    """Says once which endpoints answer, when every model server that should run does or was given up."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __call__(self) -> bool:
        """Whether there is nothing more to say."""
        wanted = {path.stem for path in self.layout.desired_folder.glob("*.json")}
        states = {name: self._state(name) for name in wanted}
        if not all(state in SETTLED for state in states.values()):
            return False
        up = sorted(name for name, state in states.items() if state == "ready")
        if wanted:
            sys.stderr.write(f"{len(up)} of {len(wanted)} model servers answer\n")
            sys.stderr.flush()
        return True

    def _state(self, name: str) -> str:
        """Return what the runner says of the replica; nothing of one that an earlier run left behind."""
        try:
            seen = load(self.layout.observed(name), Observed)
        except (OSError, ContractError):
            return ""
        is_there = seen.state == "failed" or Path(f"/proc/{seen.pid}").exists()
        return seen.state if is_there else ""


def announce(address: Address, router_port: int) -> None:
    """Tell other commands and whoever watches that the address answers."""
    note = {"pid": os.getpid(), "port": address.port, "url": address.url, "started": datetime.now(UTC).isoformat()}
    if router_port:
        note["router"] = Address(address.bind, router_port, address.tls_cert).url
    startup.write_note(settings.HOME / "run" / "up.json", note)
    sys.stderr.write(f"ready {address.url}\n")
    sys.stderr.flush()
