"""`audit_seal`: seal and sign now what the periodic work would a moment later."""

from typing import Any

from django.core.management.base import BaseCommand

from audit import seal


class Command(BaseCommand):
    """For a backup of a home that is not being served."""

    help = "Seal and sign every event there is; the running server does it each half second."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Seal and say how far."""
        seal.seal()
        self.stdout.write(seal.latest_note())
