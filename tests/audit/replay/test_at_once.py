"""Two workers at once, on a database whose transactions commit: one story, one mismatch, no fact lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from accounts.actors import COMMAND
from accounts.models import User
from accounts.roles import Role
from accounts.users import create_user
from audit import seal
from audit.models import Event, Mismatch, ReplayedFact, ReplayPosition, Seal
from audit.replay import turns
from deployments import replayed
from tests.sealing import sealed

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committed")]


def turn(_: int) -> int:
    try:
        return turns.take_turn(replayed.KINDS).found
    finally:
        connection.close()


def test_turns_at_once_keep_each_fact_and_tell_a_mismatch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BATCH", 3)
    for number in range(12):
        create_user(f"person{number}", roles=[Role.OPS], actor=COMMAND)
    sealed()
    User.objects.filter(username="person7").update(is_superuser=True)
    with ThreadPoolExecutor(4) as several:
        found = sum(several.map(turn, range(8)))
    assert found == 1
    assert Mismatch.objects.get().kind == "roles"
    assert Event.objects.filter(action="state.mismatched").count() == 1
    sealed()
    turn(0)
    assert ReplayPosition.objects.get().seq == Seal.objects.count()
    assert ReplayedFact.objects.filter(kind="roles").count() == User.objects.count()


def test_what_is_not_sealed_yet_is_no_mismatch() -> None:
    sealed()
    turn(0)
    with transaction.atomic():
        create_user("late", roles=[Role.OPS], actor=COMMAND)
    assert turns.take_turn(replayed.KINDS).found == 0, "the event is there, its seal comes later"
    seal.seal()
