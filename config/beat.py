"""`python -m config.beat --home HOME SCHEDULE`: sends what is due to the worker `work`, until it is told to stop.

SCHEDULE is JSON, seconds by name of the work. It knows no more than that: without Django it takes half the memory.
"""

import argparse
import json
import os
import warnings
from pathlib import Path

os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # Celery would load Django

from celery import Celery
from celery.platforms import SecurityWarning

from config import lifeline
from serving.contract import Layout

LONGEST_PAUSE_S = 5


def app(broker: str, schedule: dict[str, float]) -> Celery:
    """Return an app that sends each piece of scheduled work in its turn."""
    made = Celery("signoff", broker=broker)
    made.conf.update(
        beat_schedule={
            name: {"task": "work.scheduled", "args": [name], "schedule": every_s, "options": {"queue": "work"}}
            for name, every_s in schedule.items()
        },
        broker_connection_max_retries=None,  # Valkey comes back
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_serializer="json",
        timezone="UTC",
        worker_hijack_root_logger=False,
    )
    return made


def main() -> None:
    """Send."""
    parser = argparse.ArgumentParser(prog="python -m config.beat")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("schedule", type=json.loads)
    given = parser.parse_args()
    lifeline.hold()
    warnings.simplefilter("ignore", SecurityWarning)
    url = os.environ.get("SIGNOFF_REDIS_URL") or f"unix://{Layout(given.home.absolute()).broker_socket}"
    broker = f"redis+socket://{url.removeprefix('unix://')}" if url.startswith("unix://") else url
    beat = app(broker, given.schedule).Beat(
        max_interval=LONGEST_PAUSE_S, scheduler_cls="celery.beat.Scheduler", loglevel="WARNING", quiet=True
    )
    beat.run()


if __name__ == "__main__":
    main()
