"""`setup_link`: the link with which the first admin of an empty installation makes her account."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import links
from accounts.actors import COMMAND
from accounts.models import User
from accounts.roles import Role
from core.home import server_url


class Command(BaseCommand):
    """Prints the link on stdout while there is no admin."""

    help = "Print the link with which the first admin makes her account, on this host, within 15 minutes."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the link and print it."""
        if User.objects.filter(groups__name=Role.ADMIN, is_active=True).exists():
            raise CommandError(
                "There is an admin already: she creates people under /admin. "
                "To get in yourself: manage.py sign_in_link NAME"
            )
        self.stdout.write(f"{server_url()}/setup/{links.make_link(None, actor=COMMAND)}")
