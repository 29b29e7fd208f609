"""`createsuperuser`: refused; nobody stands above the roles."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Stands in for Django's, which would write a person past the ledger and past every role."""

    help = "Refused: Signoff knows no superuser. `setup_link` makes the first admin."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what to run instead."""
        raise CommandError(
            "Signoff knows no superuser. The first admin makes her own account: manage.py setup_link. "
            "From a script: manage.py create_user NAME --role admin"
        )
