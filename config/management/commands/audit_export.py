"""`audit_export FILE`: the whole ledger as one zip that verifies itself offline."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.actors import COMMAND
from audit import export, seal
from audit.checks import has_ledger
from audit.record import Subject, record


class Command(BaseCommand):
    """Writes a new file; the ledger says that it was taken."""

    help = "Write every event, seal and checkpoint, the key, a schema and the offline verifier into one zip."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the words of the command line."""
        parser.add_argument("file", type=Path, help="the zip to write; one that is there stays as it is")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Export and say how much it is."""
        if not has_ledger():
            raise CommandError(f"There is no ledger in {settings.HOME}: is this the right home?")
        try:
            taken = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as why:
            raise CommandError(f"{file} cannot be written: {why.strerror}. Name a new file.") from why
        with transaction.atomic():
            record("ledger.exported", Subject("ledger", "", "the ledger"), actor=COMMAND)
        seal.seal()
        try:
            with os.fdopen(taken, "wb") as out:
                count = export.write_zip(out)
        except OSError as why:
            file.unlink()
            raise CommandError(f"{file} cannot be written: {why.strerror}. Nothing of it was kept.") from why
        self.stderr.write(f"{count} events in {file}")
