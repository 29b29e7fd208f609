"""What the ledger costs: a change with its sealed event against the same row without one, in one run."""

import time
from collections.abc import Callable

import pytest
from django.db import transaction

from accounts.actors import COMMAND
from accounts.models import User
from audit import seal
from audit.record import Subject, record
from audit.verify import verify

pytestmark = [pytest.mark.bench, pytest.mark.usefixtures("committed")]
ROUNDS, WRITES = 3, 400


def per_second(write: Callable[[int], None]) -> float:
    started = time.perf_counter()
    for number in range(WRITES):
        with transaction.atomic():
            write(number)
    return WRITES / (time.perf_counter() - started)


def test_sealed_writes_against_plain_rows_and_the_speed_of_verification(capsys: pytest.CaptureFixture[str]) -> None:
    person = User.objects.create(username="bench")

    def plain(number: int) -> None:
        User.objects.filter(pk=person.pk).update(first_name=str(number))

    def told(number: int) -> None:
        plain(number)
        record("user.roles.changed", Subject("user", str(person.pk), "bench"), actor=COMMAND)

    rounds = [(per_second(plain), per_second(told)) for _ in range(ROUNDS)]
    seal.seal()
    started = time.perf_counter()
    report = verify(seal.signer().verifier_key)
    rate = report.size / (time.perf_counter() - started)
    without, with_event = sorted(rounds)[len(rounds) // 2]
    with capsys.disabled():
        print(
            f"\nplain {without:.0f}/s, with event {with_event:.0f}/s ({with_event / without:.2f}x), verify {rate:.0f}/s"
        )
    assert report.ok
