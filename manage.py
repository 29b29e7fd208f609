#!/usr/bin/env python3
"""Starts any command. `--home DIR` is read here, before settings load."""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from django.core.management import execute_from_command_line
from django.db import DatabaseError

from config import env

NO_TABLES = ("no such table", "does not exist")  # SQLite's words and PostgreSQL's
SET_UP = {"up", "demo", "migrate"}  # make the home they are told of
ABOUT_CODE = {"help", "check", "makemigrations", "spectacular"}  # read the code; need no home


def take_home(argv: list[str]) -> list[str]:
    """Return `argv` without `--home DIR`, having put DIR in SIGNOFF_HOME."""
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--home":
            home = next(words, "")
            if not home:
                sys.exit("--home needs a folder: --home DIR")
            os.environ["SIGNOFF_HOME"] = home
        elif word.startswith("--home="):
            os.environ["SIGNOFF_HOME"] = word.removeprefix("--home=")
        else:
            rest.append(word)
    return rest


def asks(argv: list[str]) -> bool:
    """Return whether the words only ask what could be done."""
    return not argv[1:] or argv[1].startswith("-") or not {"-h", "--help"}.isdisjoint(argv)


def settle_home(home: Path, command: str, until: ExitStack) -> None:
    """Have a home to run `command` in. Only what sets one up makes it: a mistyped name leaves no folder and no keys."""
    if command in SET_UP or home.exists():
        make_home(home)
    elif command in ABOUT_CODE:
        os.environ["SIGNOFF_HOME"] = until.enter_context(tempfile.TemporaryDirectory(prefix="signoff-"))
    else:
        sys.exit(f"There is no home at {home}. Name one that is there, or set it up: `manage.py up`.")


def make_home(home: Path) -> None:
    """Create the home where it is not there yet; what cannot be one is said in one sentence."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as why:
        sys.exit(f"SIGNOFF_HOME: {home} cannot be made ({why.strerror}). Name a folder that you may write to.")
    if not os.access(home, os.W_OK | os.X_OK):
        sys.exit(f"SIGNOFF_HOME: {home} is not yours to write to. Name a folder that is, or mend its permissions.")


def main() -> None:
    """Run the command named on the command line; a bad setting is one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    argv = take_home(sys.argv)
    with ExitStack() as until:
        try:
            settle_home(cast("Path", env.read_all()["home"]), "help" if asks(argv) else argv[1], until)
        except env.BadSetting as why:
            sys.exit(str(why))
        run(argv)


def run(argv: list[str]) -> None:
    """Run the command; a database without our tables is one sentence too."""
    try:
        execute_from_command_line(argv)
    except DatabaseError as why:
        if not any(words in str(why) for words in NO_TABLES):
            raise
        sys.exit(f"{os.environ.get('SIGNOFF_HOME', './var')} is not set up yet. Run `manage.py migrate` or `up` first.")


if __name__ == "__main__":
    main()
