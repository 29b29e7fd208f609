"""Files that are scored again and again: when, in whose name, and once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.actors import Actor
from audit.models import Event
from core import clock
from core.refusals import Denied, Invalid
from deployments.batch import schedules
from deployments.batch.cron import Cron
from deployments.batch.jobs import Wish
from deployments.models import BatchSchedule, Endpoint
from tests.deployments.hands import Hands
from tests.deployments.story import installed
from tests.factories import make_run, put

FRIDAY = datetime(2026, 11, 27, 6, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", datetime(2026, 11, 27, 6, 16, tzinfo=UTC)),
        ("15 6 * * 1-5", datetime(2026, 11, 30, 6, 15, tzinfo=UTC)),
        ("*/20 6,7 * * *", datetime(2026, 11, 27, 6, 20, tzinfo=UTC)),
        ("5/30 * * * *", datetime(2026, 11, 27, 6, 35, tzinfo=UTC)),
        ("0 0 1 1 *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 1 * 7", datetime(2026, 11, 29, tzinfo=UTC)),  # the first, or a Sunday
        ("0 0 * * 0", datetime(2026, 11, 29, tzinfo=UTC)),
    ],
)
def test_the_next_moment_is_as_cron_has_it(text: str, expected: datetime) -> None:
    assert Cron.parse(text).after(FRIDAY) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * * *", "4 fields"),
        ("60 * * * *", "minute '60' is not within 0 to 59"),
        ("* * 0 * *", "day '0'"),
        ("*/0 * * * *", "minute '[*]/0'"),
        ("5-1 * * * *", "minute '5-1'"),
        ("a * * * *", "'a', which is no number"),
        ("0 0 30 2 *", "never comes"),
        ("٣ * * * *", "which is no number"),
    ],
)
def test_what_is_no_expression_is_told_so(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Cron.parse(text)


@given(st.integers(0, 59), st.integers(1, 59), st.integers(0, 3), st.integers(0, 10_000))
def test_the_last_moment_is_the_latest_of_those_that_come_one_by_one(
    first: int, step: int, days: int, minutes: int
) -> None:
    cron, until = Cron.parse(f"{first}/{step} */3 * * *"), FRIDAY + minutes * MINUTE
    since, each = until - timedelta(days=days, minutes=7), None
    moment = cron.after(since)
    while moment is not None and moment <= until:
        each, moment = moment, cron.after(moment)
    assert cron.last(since, until) == each


@pytest.fixture
def endpoint(staging: Endpoint, hands: Hands, dana: Actor, eli: Actor, settings: Any) -> Endpoint:
    settings.HOME = hands.layout.home
    installed(hands, staging, dana, eli, versions=1)
    return staging


def due(row: BatchSchedule, at: datetime, monkeypatch: pytest.MonkeyPatch) -> BatchSchedule:
    """Return the schedule after somebody looked at that moment."""
    monkeypatch.setattr(clock, "now", lambda: at)
    schedules.start_due()
    row.refresh_from_db()
    return row


@pytest.mark.django_db
def test_a_file_is_asked_for_once_a_moment_in_the_name_of_whoever_made_the_schedule(
    endpoint: Endpoint, dana: Actor, eli: Actor, olga: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(dana)
    with pytest.raises(Denied):
        schedules.make(endpoint, "runs:/a/b", "0 6 * * *", Wish(), actor=dana)
    row = schedules.make(endpoint, f"runs:/{run.run_id}/{{date}}.csv", "0  6 * * *", Wish("csv", "id"), actor=eli)
    assert schedules.make(endpoint, row.address, "0 6 * * *", Wish("csv", "id"), actor=olga) == row
    six = clock.now().replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=2)
    put(run, f"{six:%Y-%m-%d}.csv", b"amount\n1\n", dana)
    assert due(row, six - MINUTE, monkeypatch).why.startswith("No such artifact")  # yesterday's is not there
    due(row, six + MINUTE, monkeypatch)
    assert (row.why, row.done_until) == ("", six)
    job = row.last_job
    assert job
    assert (job.created_by, job.result_kind, job.id_column, job.input_name) == (
        eli.person,
        "csv",
        "id",
        f"{six:%Y-%m-%d}.csv",
    )
    assert schedules.start_due() == 0
    asked = Event.objects.get(action="batch.job.requested")
    assert b'"via":"schedule"' in bytes(asked.body)


@pytest.mark.django_db
def test_what_its_maker_may_no_longer_do_its_schedule_does_not_do(
    endpoint: Endpoint, dana: Actor, eli: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(dana)
    put(run, "all.csv", b"amount\n1\n", dana)
    row = schedules.make(endpoint, f"runs:/{run.run_id}/all.csv", "* * * * *", Wish(), actor=eli)
    began = clock.now()
    groups = list(eli.person.groups.all())
    eli.person.groups.clear()
    assert "may not score files" in due(row, began + 2 * MINUTE, monkeypatch).why
    eli.person.groups.set(groups)
    eli.person.is_active = False
    eli.person.save()
    assert "may not sign in any more" in due(row, began + 4 * MINUTE, monkeypatch).why
    eli.person.is_active = True
    eli.person.save()
    due(row, began + timedelta(days=30), monkeypatch)  # of many moments that passed the last one counts
    assert (row.why, row.last_job is not None, endpoint.batch_jobs.count()) == ("", True, 1)
    schedules.end(row, actor=eli)
    schedules.end(row, actor=eli)
    assert due(row, began + timedelta(days=31), monkeypatch).done_until < began + timedelta(days=30)
    assert Event.objects.filter(action="batch.schedule.ended").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("address", "cron"), [("s3://b/x", "0 6 * * *"), ("runs:/a/b", "soon"), ("", "0 6 * * *")])
def test_what_is_no_schedule_is_refused(endpoint: Endpoint, eli: Actor, address: str, cron: str) -> None:
    with pytest.raises(Invalid):
        schedules.make(endpoint, address, cron, Wish(), actor=eli)
