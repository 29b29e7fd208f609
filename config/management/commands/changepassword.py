"""`changepassword`: refused; a password is its owner's."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Stands in for Django's, which would change a password without an event."""

    help = "Refused: people set their own password. `sign_in_link NAME` lets one in who forgot hers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take Django's words, to refuse them in a sentence."""
        parser.add_argument("username", nargs="?")
        parser.add_argument("--database")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what to run instead."""
        raise CommandError(
            "People set their own password. Let in whoever forgot hers: manage.py sign_in_link NAME; "
            "she sets a new one under /account/password within ten minutes."
        )
