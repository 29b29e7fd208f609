"""`create_user NAME --role R`: make a person, as the operator of this host."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import tokens
from accounts.actors import COMMAND
from accounts.models import User
from accounts.permissions import Scope
from accounts.roles import Role
from accounts.users import create_user
from core.refusals import Refusal


class Command(BaseCommand):
    """Creates a person without a password; `sign_in_link NAME` lets her in."""

    help = (
        "Create a person with roles. With --print-token the last line on stdout is an API token that reads and writes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the words of the command line."""
        parser.add_argument("name")
        parser.add_argument("--role", action="append", default=[], choices=[str(role) for role in Role])
        parser.add_argument("--print-token", action="store_true", help="print an API token, alone on the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create her and say so on stderr."""
        try:
            user = create_user(options["name"], roles=[Role(role) for role in options["role"]], actor=COMMAND)
        except Refusal as why:
            raise CommandError(why.sentence) from why
        self.stderr.write(f"created {user.username} ({', '.join(sorted(set(options['role']))) or 'no role'})")
        if options["print_token"]:
            self.stdout.write(command_token(user))


def command_token(user: User) -> str:
    """Return a new token that reads and writes, and never decides."""
    scopes = [Scope.READ, Scope.WRITE]
    return tokens.mint(user, label="made by create_user", scopes=scopes, days=settings.TOKEN_TTL_DAYS, actor=COMMAND)[1]
