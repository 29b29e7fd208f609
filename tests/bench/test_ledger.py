"""What the ledger costs: a change with its sealed event against the same row without one; and what verifying takes."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction

from accounts.actors import COMMAND
from accounts.models import User
from audit import export, merkle, seal
from audit.models import Event
from audit.record import Subject, record
from audit.verify import verify

pytestmark = [pytest.mark.bench, pytest.mark.usefixtures("committed")]
ROUNDS, WRITES = 3, 400
MANY, GOAL = 400_000, 250_000  # events, and how many a second are verified with the standard library alone


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


def test_the_offline_verifier_against_its_goal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real event's bytes, each with a number of its own; the time includes the start of Python."""
    with transaction.atomic():
        record("user.roles.changed", Subject("user", "1", "bench"), actor=COMMAND)
    seal.seal()
    [body] = [bytes(row.body) for row in Event.objects.all()]
    with (tmp_path / "events.jsonl").open("wb") as events, (tmp_path / "seals.txt").open("w") as seals:
        for number in range(MANY):
            line = body.replace(b'"label":"bench"', b'"label":"bench %d"' % number)
            events.write(line + b"\n")
            seals.write(merkle.leaf_hash(line).hex() + "\n")
    (tmp_path / "checkpoints.txt").touch()
    (tmp_path / "ledger.pub").write_text(seal.signer().verifier_key)
    shutil.copy(export.BESIDE / "verify_ledger.py", tmp_path)
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-S", "verify_ledger.py"], cwd=tmp_path, capture_output=True, check=True)
        rates.append(MANY / (time.perf_counter() - started))
    with capsys.disabled():
        print(f"\noffline verifier {sorted(rates)[1]:,.0f} events/s of {len(body)} bytes (goal {GOAL:,})")
    assert max(rates) > GOAL
