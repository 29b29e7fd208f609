"""`manage.py audit_replay`: hold the rows against the ledger now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.replay import turns
from audit.replay.mismatches import open_count
from deployments.replayed import KINDS


class Command(BaseCommand):
    help = "Replay the sealed events and name every row that differs from what they say. Ends with 1 where one does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from-start",
            action="store_true",
            help="forget what was replayed and read the whole ledger anew",
        )

    def handle(self, *_args: Any, from_start: bool, **_options: Any) -> None:
        if from_start:
            turns.forget()
        turn = turns.take_turn(KINDS, limit_s=float("inf"))
        self.stdout.write(f"{turn.replayed:,} events replayed, {turn.found} new mismatches, {open_count()} open.")
        if open_count():
            raise CommandError("Rows differ from the ledger: see /audit/mismatches.")
