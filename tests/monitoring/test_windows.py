from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from accounts.actors import Actor
from core import clock
from monitoring import retention, windows
from monitoring.labels import Given, record_labels
from monitoring.minutes import minute_of, start_of
from monitoring.models import Hour, Label, OpenWindow, Prediction, Snapshot, Usage
from monitoring.resources import sample
from tests.monitoring.observed import BEGIN, observe, seen

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: BEGIN + timedelta(hours=3))


def test_a_window_tells_of_each_track_with_exact_quantiles() -> None:
    observe(*[seen(latency_ms=float(n)) for n in range(1, 101)], seen(track="canary", version="3", latency_ms=7.0))
    assert windows.close_due() == 1
    stable, canary = Snapshot.objects.order_by("-track")
    assert (stable.version, stable.requests, stable.errors) == ("2", 100, 0)
    assert (stable.p50_ms, stable.p95_ms, stable.p99_ms) == (50, 95, 99)
    assert (canary.version, canary.requests, canary.p50_ms, canary.p99_ms) == ("3", 1, 7, 7)
    assert (stable.cpu_s, stable.memory_mb) == (None, None)


def test_a_window_holds_its_first_moment_and_not_that_of_the_next() -> None:
    observe(seen(0), seen(59.999), seen(60))
    windows.close_due()
    assert list(Snapshot.objects.order_by("minute").values_list("requests", flat=True)) == [2, 1]
    assert start_of(Snapshot.objects.earliest("minute").minute) == BEGIN


@pytest.mark.parametrize(("after_s", "closed"), [(59, 0), (74, 0), (75, 1)])
def test_a_window_is_closed_once_it_is_over_and_its_evidence_is_in(
    monkeypatch: pytest.MonkeyPatch, after_s: float, closed: int
) -> None:
    observe(seen())
    monkeypatch.setattr(clock, "now", lambda: BEGIN + timedelta(seconds=after_s))
    assert windows.close_due() == closed
    assert OpenWindow.objects.count() == 1 - closed


def test_closing_again_changes_nothing() -> None:
    observe(seen())
    windows.close_due()
    observe(Prediction.objects.get())
    assert windows.close_due() == 1
    assert Snapshot.objects.get().revision == 1
    assert windows.close_due() == 0


def test_what_no_caller_asked_or_was_refused_is_not_told() -> None:
    observe(*[seen(why_not=why) for why in ("a copy", "tried again", "no token", "too many")], seen(routed=False))
    windows.close_due()
    assert not Snapshot.objects.exists()


def test_a_model_that_only_fails_fails_under_its_version() -> None:
    observe(seen(0), seen(1, version="", answered=False), seen(60, version="", answered=False, status=503))
    windows.close_due()
    told = Snapshot.objects.order_by("minute").values_list("version", "requests", "errors")
    assert list(told) == [("2", 2, 1), ("2", 1, 1)]


def test_a_late_label_opens_its_own_window_only(dana: Actor) -> None:
    observe(seen(0, request_id="then"), seen(60))
    windows.close_due()
    record_labels("fraud", [Given("then", 1)], actor=dana)
    assert windows.close_due() == 1
    assert Hour.objects.get(metric="accuracy").total == 100
    first, second = Snapshot.objects.order_by("minute")
    assert (first.labelled, first.correct, first.coverage, first.revision) == (1, 1, 1.0, 2)
    assert (second.labelled, second.coverage, second.revision) == (0, 0.0, 1)
    record_labels("fraud", [Given("then", 0)], actor=dana)
    windows.close_due()
    first.refresh_from_db()
    assert (first.labelled, first.correct, first.revision) == (1, 0, 3)


def test_minutes_without_requests_are_told_where_the_server_was_seen_and_not_else() -> None:
    minute = minute_of(BEGIN)
    for after_s, cpu_s, memory_mb in ((-10, 4.0, 90), (5, 4.5, 100), (55, 7.0, 120), (65, 7.5, 110)):
        at = BEGIN + timedelta(seconds=after_s)
        part = {"endpoint": "fraud", "rollout": "r1", "version": "2", "track": "stable"}
        Usage.objects.create(**part, life="7.1", at=at, cpu_s=cpu_s, memory_mb=memory_mb)
        OpenWindow.objects.get_or_create(endpoint="fraud", minute=minute_of(at))
    windows.close_due()
    before, during, after = Snapshot.objects.order_by("minute")
    assert (before.minute, before.cpu_s) == (minute - 1, None)
    assert (during.requests, during.p95_ms, during.coverage) == (0, None, None)
    assert (during.cpu_s, during.memory_mb) == (3.0, 120)
    assert (after.cpu_s, after.memory_mb) == (0.5, 110)


def test_old_predictions_and_labels_go_and_their_snapshots_stay_as_they_were(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, dana: Actor
) -> None:
    settings.PREDICTIONS_DAYS = 1
    observe(seen(request_id="old"), seen(request_id="too"), seen(86_400, request_id="young"))
    windows.close_due()
    record_labels("fraud", [Given("old", 1)], actor=dana)
    monkeypatch.setattr(clock, "now", lambda: BEGIN + timedelta(days=1, hours=3, minutes=1))
    monkeypatch.setattr(retention, "MOST", 1)
    assert retention.forget() == 2
    windows.close_due()
    assert Snapshot.objects.get(minute=minute_of(BEGIN)).requests == 2
    monkeypatch.setattr(retention, "MOST", 100)
    assert retention.forget() == 1
    assert [row.request_id for row in Prediction.objects.all()] == ["young"]
    assert not Label.objects.exists()


def test_nothing_runs_and_nothing_is_sampled(settings: Settings, tmp_path: Any) -> None:
    settings.HOME = tmp_path
    assert sample() == 0
