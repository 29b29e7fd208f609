from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from core import clock, home
from monitoring import ingest, late, letters, verdicts
from monitoring.models import DeadLetter, Prediction, Watch
from monitoring.stats.documents import of_document
from monitoring.stats.judge import Decision
from serving.contract import EVIDENCE_STREAM
from tests.monitoring.conftest import ROLLOUT, Stream
from web import health

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def counts() -> dict[str, list[int]]:
    """Return [live, canary] requests and failures that the watch has counted."""
    guard = Watch.objects.get(rollout=ROLLOUT).tally["guards"]["error"]
    return {"seen": guard["seen"], "bad": guard["bad"]}


@pytest.mark.parametrize("first", ["routed", "answered"])
def test_both_halves_become_one_row_whichever_comes_first(watched: Stream, first: str) -> None:
    halves = {"routed": lambda: watched.routed("q", "canary"), "answered": lambda: watched.answered("q", 0)}
    for name in sorted(halves, key=lambda name: name != first):
        halves[name]()
        ingest.drain()
    row = Prediction.objects.get()
    assert (row.track, row.share, row.version, row.prediction, row.counted) == ("canary", 500, "2", [0], True)
    assert counts() == {"seen": [0, 1], "bad": [0, 0]}


def test_an_entry_that_comes_again_counts_once(watched: Stream) -> None:
    for _ in range(3):
        watched.request("q", "canary")
        ingest.drain()
    assert counts()["seen"] == [0, 1]
    assert Prediction.objects.count() == 1


def test_what_a_dead_reader_left_is_taken_by_the_next(watched: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.request("q")
    ingest._ensure_group()
    watched.valkey.client.xreadgroup(ingest.GROUP, "dead", {EVIDENCE_STREAM: ">"})
    assert ingest.drain() == 0
    monkeypatch.setattr(ingest, "LEFT_MS", 0)
    assert ingest.drain() == 2
    assert counts()["seen"] == [1, 0]


def test_a_reader_that_dies_before_it_acknowledges_has_counted_nothing_twice(watched: Stream) -> None:
    watched.request("q", "canary", status=500)
    ingest._ensure_group()
    entries = ingest._new()
    ingest.take(entries)
    ingest.take(entries)
    assert counts() == {"seen": [0, 1], "bad": [0, 1]}
    assert Watch.objects.get().last_entry == entries[-1].id


def test_a_batch_that_fails_leaves_rows_and_tally_as_they_were(
    watched: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.request("q")
    monkeypatch.setattr(ingest, "save", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError), transaction.atomic("telemetry"):
        ingest.drain()
    assert counts()["seen"] == [0, 0]
    assert not Prediction.objects.exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"track": "shadow"}, "a copy"),
        ({"status": 401}, "no token"),
        ({"status": 429}, "too many"),
        ({"track": None, "status": 503}, "went nowhere"),
        ({"rollout": "another"}, "not judged"),
    ],
)
def test_what_must_not_count_is_kept_with_the_reason(watched: Stream, more: dict[str, object], why: str) -> None:
    watched.answered("q")
    watched.routed("q", **{"track": "canary", **more})  # type: ignore[arg-type]
    ingest.drain()
    row = Prediction.objects.get()
    assert (row.counted, row.why_not) == (False, why)
    assert counts()["seen"] == [0, 0]


def test_what_the_router_tried_again_counts_once_as_it_ended(watched: Stream) -> None:
    watched.routed("dead", "canary", status=503, attempts=3)
    watched.request("spared", "canary", attempts=2)
    ingest.drain()
    assert counts()["seen"] == [0, 2]
    assert counts()["bad"] == [0, 1]


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"prediction": nested(17)}, "nested more than 16 deep"),
        ({"prediction": nested(900)}, "nested more than 16 deep"),
        ({"rows": -1}, "rows is -1"),
        ({"rows": 2**40}, "rows is"),
        ({"at_ms": 10**17}, "not a moment"),
        ({"request_id": "x" * 129}, "129 characters"),
        ({"prediction": float("nan")}, "cannot be stored"),  # no JSON, though Python writes it
        ({"prediction": "a\x00b"}, ""),
        ({"prediction": "\ud800"}, ""),
    ],
)
def test_a_record_that_a_model_made_up_spoils_no_other(watched: Stream, more: dict[str, Any], why: str) -> None:
    for number in range(3):
        watched.request(f"before-{number}", "canary")
    watched.answered(**{"request_id": "odd", **more})
    for number in range(3):
        watched.request(f"after-{number}")
    assert ingest.drain() == 13
    assert counts()["seen"] == [3, 3]
    letters = list(DeadLetter.objects.values_list("why", flat=True))
    assert all(why in letter for letter in letters)
    assert len(letters) == 1 or not why
    assert ingest.drain() == 0


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\x00", b"{", b"null", b'{"type": "signoff.inference/1"}'])
def test_what_is_no_record_becomes_a_dead_letter(watched: Stream, body: bytes) -> None:
    watched.put("inference", body)
    watched.put("routed", body)
    watched.request("fine", "canary")
    ingest.drain()
    assert DeadLetter.objects.count() == 2
    assert counts()["seen"] == [0, 1]


@pytest.mark.parametrize("path", ["/ping", "/v2/health/ready", "/metrics"])
def test_health_and_metrics_are_no_predictions(watched: Stream, path: str) -> None:
    watched.routed("q", path=path)
    assert ingest.drain() == 1
    assert not Prediction.objects.exists()


def test_an_answer_without_a_record_is_a_failure_of_its_track_after_ten_seconds(watched: Stream) -> None:
    watched.routed("lost", "canary", time=f"{(clock.now() - timedelta(seconds=11)).timestamp():.6f}")
    watched.routed("young", "canary")
    ingest.drain()
    assert counts()["seen"] == [0, 0]
    assert ingest.settle_silent() == 0, "its record may still come"
    watched.complete(clock.now() - timedelta(seconds=5))
    ingest.drain()
    assert ingest.settle_silent() == 0
    watched.complete(clock.now())
    watched.complete(clock.now() - timedelta(seconds=60))
    watched.put("complete", b"nonsense")
    ingest.drain()
    assert ingest.settle_silent() == 1
    assert counts() == {"seen": [0, 1], "bad": [0, 1]}


def test_evidence_that_does_not_come_is_said_to_be_late(watched: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    assert late.late_since() is None
    moment = clock.now()
    watched.complete(moment)
    ingest.drain()
    assert late.late_since() is None
    monkeypatch.setattr(clock, "now", lambda: moment + timedelta(seconds=31))
    assert late.late_since() == moment
    monkeypatch.setattr(home, "supervised", lambda: {"evidence"})
    assert "evidence since" in health.alerts()[0]


def test_evidence_of_one_endpoint_may_be_late_and_no_others(watched: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = clock.now()
    watched.complete(begun)
    ingest.drain()
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(seconds=60))
    earlier, moment = begun - timedelta(seconds=900), begun + timedelta(seconds=59)
    watched.complete(moment, churn=earlier)
    ingest.drain()
    assert late.complete_up_to("churn") == begun, "it was complete up to there before"
    assert (late.late_since("churn"), late.late_since("fraud"), late.late_since()) == (begun, None, None)
    watched.complete(begun + timedelta(seconds=30))
    ingest.drain()
    assert late.late_since("churn") == begun, "an older word changes nothing"
    watched.complete(begun + timedelta(seconds=60))
    ingest.drain()
    assert late.complete_up_to("churn") == begun + timedelta(seconds=60)


def test_silence_of_an_endpoint_is_a_failure_only_where_its_own_evidence_is_here(watched: Stream) -> None:
    earlier = clock.now() - timedelta(seconds=30)
    watched.routed("lost", "canary", time=f"{(clock.now() - timedelta(seconds=20)).timestamp():.6f}")
    watched.complete(clock.now(), fraud=earlier)
    ingest.drain()
    assert ingest.settle_silent() == 0
    watched.complete(clock.now(), churn=earlier)
    ingest.drain()
    assert ingest.settle_silent() == 1


def test_the_word_of_an_earlier_edition_holds_for_every_endpoint(watched: Stream) -> None:
    moment = clock.now().replace(microsecond=0)
    watched.put("complete", f"{moment.timestamp():.3f}".encode())
    ingest.drain()
    assert late.complete_up_to("fraud") == moment


def test_records_that_were_dropped_are_a_dead_letter_and_said_where_it_matters(watched: Stream) -> None:
    for lines in (1_000_000, 234_567):
        watched.put("dropped", {"endpoint": "fraud", "replica": "fraud-1", "lines": lines})
    watched.put("dropped", b'{"endpoint": "fraud"}')
    ingest.drain()
    assert letters.floods("fraud") == {"fraud-1": 1_234_567}
    assert letters.floods("churn") == {}
    alerts = health.alerts()
    assert "models of 1 endpoint write more records than they were asked for" in alerts[0]
    assert alerts[1].startswith("1 entry of the evidence stream is no evidence")
    assert "fraud-1 wrote 1,000,000 records more" in DeadLetter.objects.order_by("pk")[0].why


def test_a_units_requests_prove_something_once(watched: Stream) -> None:
    for number in range(30):
        watched.request(f"q{number}", "canary", unit="u1", status=500)
        if number == 15:
            ingest.drain()
    ingest.drain()
    assert counts() == {"seen": [0, 30], "bad": [0, 30]}
    guard = Watch.objects.get().tally["guards"]["error"]
    assert guard["events"] == [[1, 0.05, 1]]


def test_only_requests_of_the_present_step_fill_it(watched: Stream) -> None:
    watched.request("before", "canary")
    ingest.drain()
    verdicts.enter(ROLLOUT, "25")
    watched.request("late", "canary", step="5")
    watched.request("now", "canary", step="25", share="2500")
    ingest.drain()
    assert Watch.objects.get().tally["step_units"] == 1


def test_a_bad_canary_is_told_to_go_back(watched: Stream) -> None:
    for number in range(200):
        watched.request(
            f"q{number}", "canary" if number % 20 == 0 else "stable", status=500 if number % 20 == 0 else 200
        )
    ingest.drain()
    said = verdicts.verdict(ROLLOUT)
    assert said
    assert (said.decision, said.guardrail) == (Decision.ROLLBACK, "error")
    assert "10 of 10 canary requests failed, against 0 of 190" in said.sentence


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("routed", b"not JSON"),
        ("routed", b"[]"),
        ("inference", b"{}"),
        ("gossip", b"{}"),
        ("routed", b'{"path": "/x"}'),
    ],
)
def test_what_cannot_be_read_becomes_a_dead_letter_and_holds_nothing_up(
    watched: Stream, kind: str, body: bytes
) -> None:
    watched.put(kind, body)
    watched.request("q")
    assert ingest.drain() == 3
    assert DeadLetter.objects.get().why
    assert Prediction.objects.count() == 1


def test_after_a_flush_the_group_is_made_again(watched: Stream) -> None:
    watched.request("one")
    ingest.drain()
    watched.valkey.client.flushall()
    watched.request("two")
    ingest.drain()  # finds that its group is gone
    assert ingest.drain() + Prediction.objects.count() >= 2
    assert Prediction.objects.filter(request_id="two", answered=True, routed=True).exists()


def test_while_valkey_is_away_nothing_is_raised(stream: Stream) -> None:
    stream.valkey.kill()
    try:
        assert ingest.drain() == 0
    finally:
        stream.valkey.start()


def test_records_that_come_in_runs_of_one_track_are_no_wrong_split(watched: Stream) -> None:
    """As after evidence stood still: the router's lines in order, each model server's records at one stroke."""
    tracks = ["canary" if number % 20 == 7 else "stable" for number in range(1_200)]
    for number, track in enumerate(tracks):
        watched.routed(f"q{number}", track)
    for of in ("stable", "canary"):
        for number, track in enumerate(tracks):
            if track == of:
                watched.answered(f"q{number}", 1, track=track)
    ingest.drain()
    told = verdicts.verdict(ROLLOUT)
    assert told
    assert told.decision is not Decision.INVALID, told.sentence
    tally = of_document(Watch.objects.get(rollout=ROLLOUT).tally)
    assert tally.guards["error"].seen == [1_140, 60]
    assert tally.split.peak < 100
