"""`sign_in_link NAME`: a link that signs NAME in once, from this host, within 15 minutes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import links
from accounts.actors import COMMAND
from accounts.models import User
from core.home import server_url


class Command(BaseCommand):
    """Prints the link on stdout."""

    help = "Print a link that signs a person in once, on this host, within 15 minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the words of the command line."""
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the link and print it."""
        user = User.objects.filter(username=options["name"], is_active=True).first()
        if user is None:
            raise CommandError(
                f"There is no active user {options['name']}. "
                f"Create one: manage.py create_user {options['name']} --role ROLE"
            )
        self.stdout.write(f"{server_url()}/sign-in/{links.make_link(user, actor=COMMAND)}")
