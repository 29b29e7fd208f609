from datetime import UTC, datetime

import pytest

from core import clock, slots

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def test_a_turn_is_taken_once_and_the_next_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [datetime(2026, 11, 24, 12, 0, second, tzinfo=UTC) for second in (0, 7, 15, 29, 30)]
    took = []
    for moment in moments:
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        took.append(slots.take("expire", 15))
    assert took == [True, False, True, False, True]


def test_turns_of_other_work_are_not_touched() -> None:
    assert slots.take("expire", 3600)
    assert slots.take("collect", 3600)
    assert not slots.take("expire", 3600)
