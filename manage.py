#!/usr/bin/env python3
"""Starts any command. `--home DIR` is read here, before settings load."""

import errno
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from django.core.management import execute_from_command_line
from django.db import DatabaseError

from config import env

ROOM_MB = 32  # what a new home takes with its static files, and as much again
FULL = {errno.ENOSPC, errno.EDQUOT}
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
    if not any(home.iterdir()) and shutil.disk_usage(home).free < ROOM_MB * 2**20:
        sys.exit(f"{no_room(home)} A new home takes {ROOM_MB} MB.")


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
    """Run the command; a full disk, or a database without our tables, is one sentence too."""
    try:
        execute_from_command_line(argv)
    except OSError as why:
        if why.errno not in FULL:
            raise
        sys.exit(no_room(os.environ.get("SIGNOFF_HOME", "./var")))
    except DatabaseError as why:
        if "disk is full" in str(why):
            sys.exit(no_room(os.environ.get("SIGNOFF_HOME", "./var")))
        if not any(words in str(why) for words in NO_TABLES):
            raise
        sys.exit(f"{os.environ.get('SIGNOFF_HOME', './var')} is not set up yet. Run `manage.py migrate` or `up` first.")


def no_room(home: object) -> str:
    """Return what to do about a full disk. What was not finished was not kept: keys and tables are whole or absent."""
    return f"There is no room left on the disk of {home}. Free some, then give the same command again: it goes on."


if __name__ == "__main__":
    main()
