"""The engine as a process of its own, without a broker: `python -m tests.faults.engine --home HOME`."""

import os
import sys
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ["SIGNOFF_HOME"] = sys.argv[sys.argv.index("--home") + 1]

import django

django.setup()

from django.db import OperationalError

from config import lifeline, tasks


def main() -> None:
    """Move rollouts on until killed."""
    lifeline.hold()
    while True:
        try:
            tasks.move_rollouts()
        except OperationalError as why:  # SQLite was busy for longer than anybody waits; the next round is soon
            sys.stderr.write(f"{why}\n")
        time.sleep(tasks.PAUSE_S)


if __name__ == "__main__":
    main()
