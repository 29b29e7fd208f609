#!/usr/bin/env python3
"""Starts any command. `--home DIR` is read here, before settings load."""

import os
import sys

from django.core.management import execute_from_command_line

from config import env


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


def main() -> None:
    """Run the command named on the command line; a bad setting is one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    argv = take_home(sys.argv)
    try:
        env.read_all()
    except env.BadSetting as why:
        sys.exit(str(why))
    execute_from_command_line(argv)


if __name__ == "__main__":
    main()
