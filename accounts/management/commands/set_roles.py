"""`set_roles NAME --role R`: give a person exactly these roles, as the operator of this host."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import users
from accounts.actors import COMMAND
from accounts.models import User
from accounts.roles import Role


class Command(BaseCommand):
    """Sets roles where no other admin is there to do it."""

    help = "Give a person exactly these roles, where no other admin is there to do it. The ledger keeps that."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the words of the command line."""
        parser.add_argument("name")
        parser.add_argument("--role", action="append", default=[], choices=[str(role) for role in Role])

    def handle(self, *args: Any, **options: Any) -> None:
        """Set them and say so on stderr; doing it again changes nothing."""
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['name']}.")
        users.set_roles(user, roles=[Role(role) for role in options["role"]], actor=COMMAND)
        self.stderr.write(f"{user.username}: {', '.join(sorted(set(options['role']))) or 'no role'}")
