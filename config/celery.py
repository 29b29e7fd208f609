"""The Celery app of the workers `engine` and `work`. The truth lies in rows; a lost task costs seconds."""

import os
import warnings

os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")  # stop at once: an unfinished task comes again, and that is harmless

import django
from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_process_init

from config import lifeline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from config import rounds, tasks  # noqa: E402 - they need Django
from core import broker  # noqa: E402

warnings.simplefilter("ignore", SecurityWarning)  # of root and pickle: we take JSON only; `up` chooses the user
TASK_S = 330  # an environment's lock asks the package index for up to 300 s
app = Celery("signoff", broker=broker.celery_url())
app.conf.update(
    accept_content=["json"],
    broker_connection_max_retries=None,  # Valkey comes back
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 2 * TASK_S},
    result_backend=None,
    task_acks_late=True,
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    task_serializer="json",
    task_soft_time_limit=TASK_S - 15,
    task_time_limit=TASK_S,
    timezone="UTC",
    worker_cancel_long_running_tasks_on_connection_loss=True,  # they come again, and that is harmless
    worker_enable_remote_control=False,  # nobody asks; one listener less
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
)
tasks.register(app)
app.steps["worker"].add(rounds.Rounds)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _ours(**_: object) -> None:
    """Django's logging is set up already; Celery then leaves it alone."""


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _hold(**_: object) -> None:
    """Pool processes hold the lifeline themselves: a thread does not survive a fork."""
    lifeline.hold()


lifeline.hold()
