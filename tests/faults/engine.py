"""The engine as a process of its own, without a broker: `python -m tests.faults.engine --home HOME`.

ENGINE_DATABASES: other databases than the home's. STOP_BEFORE: the step at whose target it stops itself, once, after it
looked whether the rollout is still its own and before it writes anything.
"""

import json
import os
import signal
import sys
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ["SIGNOFF_HOME"] = sys.argv[sys.argv.index("--home") + 1]

import django

from config import settings

settings.DATABASES.update(json.loads(os.environ.get("ENGINE_DATABASES", "{}")))
django.setup()

from django.db import InterfaceError, OperationalError, close_old_connections

from config import lifeline, tasks
from deployments.targets.contract import Step
from deployments.targets.local.target import Act, LocalTarget

do = LocalTarget._do
stops = [os.environ[name] for name in ("STOP_BEFORE",) if name in os.environ]


def stop_and_do(target: LocalTarget, act: Act, step: Step, key: str, fence: int) -> None:
    """Do it, whenever somebody lets this process go on."""
    if step.name in stops:
        stops.clear()
        os.kill(os.getpid(), signal.SIGSTOP)
    do(target, act, step, key, fence)


LocalTarget._do = stop_and_do  # type: ignore[method-assign, assignment]


def main() -> None:
    """Move rollouts on until killed."""
    lifeline.hold()
    while True:
        try:
            tasks.move_rollouts()
        except (InterfaceError, OperationalError) as why:  # busy for longer than anybody waits, or away
            sys.stderr.write(f"{why}\n")
            close_old_connections()
        time.sleep(tasks.PAUSE_S)


if __name__ == "__main__":
    main()
