import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from core import hints
from tests.valkey import Valkey

pytestmark = pytest.mark.django_db


@pytest.fixture
def sending_to(settings: Settings, valkey: Valkey) -> Iterator[Valkey]:
    settings.REDIS_URL = valkey.url
    hints._sender.cache_clear()
    yield valkey
    hints._sender.cache_clear()


def test_a_hint_lies_in_the_queue_its_name_says_once_the_change_is_committed(
    sending_to: Valkey, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sending_to.client.flushall()
    with django_capture_on_commit_callbacks(execute=True):
        hints.hint(hints.MOVE_ROLLOUTS)
        assert sending_to.client.llen("engine") == 0
    assert sending_to.client.llen("engine") == 1


def test_a_change_that_is_taken_back_wakes_nobody(
    sending_to: Valkey, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    sending_to.client.flushall()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        hints.hint(hints.MOVE_ROLLOUTS)
        transaction.set_rollback(True)
    assert sending_to.client.llen("engine") == 0


def test_a_broker_that_hangs_costs_the_caller_50_ms_at_most(sending_to: Valkey) -> None:
    hints.send(hints.MOVE_ROLLOUTS)
    sending_to.pause()
    try:
        took_ms = [_took_ms() for _ in range(5)]
    finally:
        sending_to.resume()
    assert sorted(took_ms)[2] < 50, took_ms


def test_without_a_broker_the_caller_hears_nothing(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    hints._sender.cache_clear()
    took_ms = [_took_ms() for _ in range(5)]
    hints._sender.cache_clear()
    assert sorted(took_ms)[2] < 50, took_ms


def _took_ms() -> float:
    begun = time.perf_counter()
    hints.send(hints.MOVE_ROLLOUTS)
    return (time.perf_counter() - begun) * 1000


def test_a_web_process_starts_without_the_libraries_that_most_requests_do_without() -> None:
    heavy = {"celery", "redis", "boto3", "botocore", "cryptography.fernet", "numpy", "pandas", "pyarrow", "kubernetes"}
    script = f"import config.wsgi, config.urls, sys; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_up_starts_without_celery_and_redis() -> None:
    names = "{'celery', 'redis'} & set(sys.modules)"
    script = f"import config.wsgi, config.processes, config.startup, sys; print(sorted({names}))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
