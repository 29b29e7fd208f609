"""Outcomes live: counted by hour and day as labels come, and anew as they were known at a moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.actors import Actor
from core import clock
from core.refusals import Invalid
from monitoring import ingest, labels, outcomes, windows
from monitoring.labels import Given
from monitoring.models import Label, OpenOutcome, Outcome, Prediction
from monitoring.outcomes import Line, Report
from monitoring.stats.quality import measures
from tests.monitoring.conftest import Stream
from tests.monitoring.observed import observe, seen

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock."""
    moment = [NOW]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    return lambda at: moment.__setitem__(0, at)


def ask(number: int, at: datetime, **more: Any) -> Prediction:
    row = {"request_id": f"q{number}", "prediction": [number % 2], "score": [0.9 if number % 2 else 0.2], **more}
    made = seen(**row)
    made.at = at
    return made


def close() -> None:
    windows.close_due()


def line(report: Report, version: str = "2", track: str = "stable") -> Line:
    return next(line for line in report.lines if line.part == (version, track))


def tell(actor: Actor, **truths: Any) -> None:
    labels.record_labels("fraud", [Given(name, value) for name, value in truths.items()], actor=actor)
    close()


def test_labels_are_counted_by_version_and_track_with_their_coverage(dana: Actor) -> None:
    at = NOW - timedelta(hours=3)
    observe(*[ask(n, at) for n in range(4)], *[ask(n, at, version="3", track="canary") for n in (4, 5)])
    close()
    tell(dana, q0=0, q1=1, q2=1, q5=0)
    report = outcomes.report("fraud", at, NOW)
    stable, canary = line(report), line(report, "3", "canary")
    assert [one.part.track for one in report.lines] == ["stable", "canary"]
    assert (stable.told.asked, stable.told.labelled, stable.told.right) == (4, 3, 2)
    assert (canary.told.asked, canary.told.labelled, canary.told.right) == (2, 1, 0)
    assert measures(stable.told)["accuracy"].value == pytest.approx(2 / 3)
    assert {name: cells[225] for name, cells in stable.told.unlabelled.items()} == {"1": 1}
    assert not OpenOutcome.objects.exists()


def test_closing_again_changes_nothing_and_a_day_is_its_hours(dana: Actor) -> None:
    early = NOW.replace(hour=2)
    observe(ask(0, early), ask(1, early + timedelta(hours=4)), ask(2, early - timedelta(days=4)))
    close()
    tell(dana, q0=0, q1=0)
    before = list(Outcome.objects.order_by("hours", "hour").values_list("hours", "hour", "told"))
    outcomes.reopen("fraud", [outcomes.hour_of(early)])
    assert outcomes.close_open() == 1
    assert list(Outcome.objects.order_by("hours", "hour").values_list("hours", "hour", "told")) == before
    by_day = line(outcomes.report("fraud", NOW - timedelta(days=6), NOW))
    assert (by_day.told.asked, by_day.told.labelled) == (3, 2)
    assert {f"{at:%d}": told.asked for at, told in by_day.windows.items()} == {"23": 1, "27": 2}


def test_a_report_of_then_is_made_again_as_it_was(dana: Actor, now: Callable[[datetime], None]) -> None:
    at = NOW - timedelta(hours=30)
    observe(*[ask(n, at) for n in range(3)])
    close()
    now(NOW - timedelta(hours=20))
    tell(dana, q0=0, q1=0)
    then = outcomes.report("fraud", at, NOW - timedelta(hours=20))
    now(NOW)
    tell(dana, q1=1, q2=0)
    today = line(outcomes.report("fraud", at, NOW)).told
    again = outcomes.report("fraud", at, NOW - timedelta(hours=20), as_of=NOW - timedelta(hours=20))
    assert (today.labelled, today.right) == (3, 3)
    assert line(again).told.document == line(then).told.document
    assert line(again).delays == line(then).delays
    assert (line(again).told.labelled, line(again).told.right) == (2, 1)


def test_before_any_label_there_is_coverage_and_no_measure() -> None:
    observe(ask(0, NOW - timedelta(hours=3)))
    close()
    found = line(outcomes.report("fraud", NOW - timedelta(hours=4), NOW))
    assert (found.told.asked, found.told.labelled, measures(found.told)) == (1, 0, {})
    assert {point.labelled for point in found.delays} == {0}


def test_copies_refusals_and_failures_are_not_asked_for_a_label() -> None:
    at = NOW - timedelta(hours=1)
    observe(ask(0, at), ask(1, at, why_not="a copy"), ask(2, at, status=500), ask(3, at, answered=False))
    close()
    assert line(outcomes.report("fraud", at, NOW)).told.asked == 1


def test_of_many_without_a_label_some_are_read_each_for_several(monkeypatch: pytest.MonkeyPatch, dana: Actor) -> None:
    monkeypatch.setattr(outcomes, "WAITING", 10)
    at = NOW - timedelta(hours=1)
    observe(*[ask(n, at) for n in range(40)])
    close()
    tell(dana, q0=0, q1=1)
    found = line(outcomes.report("fraud", at, NOW)).told
    assert (found.asked, found.labelled) == (40, 2)
    assert sum(map(sum, found.unlabelled.values())) == pytest.approx(38, abs=4)


def test_what_is_gone_is_never_counted_anew(dana: Actor, now: Callable[[datetime], None]) -> None:
    at = NOW - timedelta(hours=1)
    observe(ask(0, at))
    close()
    tell(dana, q0=0)
    now(NOW + timedelta(days=40))
    outcomes.reopen("fraud", [outcomes.hour_of(at)])
    Prediction.objects.all().delete()
    assert outcomes.close_open() == 0
    assert line(outcomes.report("fraud", at, at + timedelta(hours=1))).told.right == 1


def test_a_span_that_is_none_or_too_long_is_refused() -> None:
    for since in (NOW, NOW + timedelta(hours=1), NOW - timedelta(days=91)):
        with pytest.raises(Invalid, match="90 days at most"):
            outcomes.report("fraud", since, NOW)


def test_scores_come_with_the_record_and_what_is_none_is_put_aside(
    watched: Stream, now: Callable[[datetime], None]
) -> None:
    now(datetime.now(UTC))
    watched.answered("good", 1, score=[0.75])
    watched.routed("good")
    watched.put("inference", b'{"type":"signoff.inference/1","score":[NaN]}')
    ingest.drain()
    assert Prediction.objects.get().score == [0.75]


def test_a_label_carries_its_segment_into_the_count(dana: Actor) -> None:
    at = NOW - timedelta(hours=1)
    observe(ask(0, at))
    close()
    labels.record_labels("fraud", [Given("q0", 1, segment="thin file")], actor=dana)
    labels.record_labels("fraud", [Given("q0", 0)], actor=dana)
    close()
    part = line(outcomes.report("fraud", at, NOW)).told.segments["thin file"]
    assert (part.rows, part.right) == (1, 1)
    assert Label.objects.count() == 2
