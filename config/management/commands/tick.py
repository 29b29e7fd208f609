"""`manage.py tick`: periodic work, without a broker."""

import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from config import lifeline
from config.periodic import GROUPS, Periodic
from core.home import beat

log = structlog.get_logger(__name__)
LONGEST_PAUSE_S = 2.0  # /readyz looks for a beat


class Command(BaseCommand):
    help = "Run one group of periodic work in a loop until told to stop. `up` starts these."
    requires_system_checks = ()  # `up` has made them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--group",
            choices=sorted(GROUPS),
            default="lone",
            help="tick: what cannot wait for a broker; lone: that and what workers would do; evidence: takes it in",
        )

    def handle(self, *_args: Any, group: str, **_options: Any) -> None:
        lifeline.hold()
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        loop(GROUPS[group], stopping.wait, name="tick" if group == "lone" else group)


def loop(work: Sequence[Periodic], stopped: Callable[[float], bool], *, name: str = "tick") -> None:
    """Run each piece of work every `every_s` until `stopped(pause_s)` is true."""
    due = dict.fromkeys(work, 0.0)
    pause_s = 0.0
    while not stopped(pause_s):
        beat(name)
        for piece in work:
            if due[piece] <= time.monotonic():
                attempt(piece)
                due[piece] = time.monotonic() + piece.every_s
        pause_s = min([LONGEST_PAUSE_S, *(max(0.0, at - time.monotonic()) for at in due.values())])


def attempt(piece: Periodic) -> None:
    """Run `piece` once; its failure is logged and its next turn comes."""
    close_old_connections()
    try:
        piece.run()
    except Exception:
        log.exception("periodic work failed", work=piece.name, again_in_s=piece.every_s)
    finally:
        close_old_connections()
