"""`import_mlflow URI --as NAME`: everything a running MLflow server holds, copied once."""

import fcntl
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.actors import Actor, Via, person
from accounts.models import User
from core.refusals import Refusal
from registry.imports.report import printable
from registry.imports.whole import import_all

BAR = 24


class Command(BaseCommand):
    """Copies, compares and reports; a second time it only compares."""

    help = (
        "Copy experiments, runs, logged models, registered models, versions and their files from a running MLflow "
        "server; say what differs. Repeat it at will: what is here is compared, what was cut off goes on. Credentials "
        "come from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the words of the command line."""
        parser.add_argument("uri", help="the server's address, as MLFLOW_TRACKING_URI would have it")
        parser.add_argument(
            "--as", dest="name", metavar="NAME", required=True, help="the person who imports; an ML engineer may"
        )
        parser.add_argument("--ask", action="store_true", help="ask for approval of what is in Production there")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and print what came of it; the exit status is 1 where something could not be imported."""
        bar = Bar(sys.stderr)
        try:
            with _alone():
                report = import_all(
                    options["uri"], actor=_actor(options["name"]), environ=os.environ, progress=bar, ask=options["ask"]
                )
        except Refusal as why:
            raise CommandError(printable(why.sentence)) from why
        finally:
            bar.close()
        text = json.dumps(report.as_json(), indent=2) if options["json"] else "\n".join(report.lines())
        self.stdout.write(text)
        if report.failures:
            raise CommandError(f"{len(report.failures)} things were not imported; the report names them.")


class Bar:
    """One line on a terminal that fills; silent elsewhere."""

    def __init__(self, out: Any) -> None:
        self.out, self.used = out, False

    def __call__(self, what: str, number: int, total: int) -> None:
        """Show that `number` of `total` are done; a total of 0 is not known yet."""
        if not self.out.isatty():
            return
        self.used = True
        filled = "█" * (BAR * number // total) if total else ""
        said = f"{number} of {total}" if total else f"{number}"
        self.out.write(f"\r\x1b[K{what:13}{filled:{BAR}} {said}")
        self.out.flush()

    def close(self) -> None:
        """Leave the line."""
        if self.used:
            self.out.write("\r\x1b[K")


def _actor(name: str) -> Actor:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {name}.")
    return person(user, Via.COMMAND)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the home's import lock: two imports at once would fetch everything twice."""
    path = Path(settings.HOME) / "run" / "import.lock"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as why:
            raise CommandError("Another import is under way.") from why
        yield
