import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from serving.contract import EVIDENCE_STREAM, SHARES, Desired, Inference, Layout, Routes, TrackRoute, dump
from serving.evidence import tail
from serving.evidence.carrier import Carrier
from serving.evidence.tail import START
from tests.valkey import Valkey

REPLICA = "fraud-1"
ALL = 2**20


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    for path in (layout.access_log, layout.evidence(REPLICA)):
        path.parent.mkdir(parents=True)
    return layout


@pytest.fixture
def stream(valkey: Valkey) -> Iterator[Valkey]:
    valkey.client.flushall()
    yield valkey
    valkey.client.flushall()


def entries(stream: Valkey) -> list[tuple[str, Any]]:
    return [entry for entry in everything(stream) if entry[0] != "complete"]


def everything(stream: Valkey) -> list[tuple[str, Any]]:
    found: Any = stream.client.xrange(EVIDENCE_STREAM)
    return [(said[b"kind"].decode(), json.loads(said[b"body"])) for _, said in found]


def launched(layout: Layout, replica: str = REPLICA, endpoint: str = "fraud", version: str = "3") -> None:
    dump(
        layout.launched(replica),
        Desired(replica, endpoint, "Fraud", version, "a" * 64, (), "b" * 64, "required", 512, 1, "r", "k"),
    )


def test_lines_are_read_once_and_half_a_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert tail.read(path, START, ALL) == ([], START)
    path.write_bytes(b"one\ntwo\nthr")
    lines, mark = tail.read(path, START, ALL)
    assert lines == [b"one", b"two"]
    with path.open("ab") as file:
        file.write(b"ee\n")
    lines, mark = tail.read(path, mark, ALL)
    assert lines == [b"three"]
    assert tail.read(path, mark, ALL) == ([], mark)


def test_a_file_that_was_replaced_is_finished_first(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"one\n")
    _, mark = tail.read(path, START, ALL)
    with path.open("ab") as file:
        file.write(b"two\n")
    path.rename(tmp_path / "x.log.1")
    path.write_bytes(b"three\n")
    lines, mark = tail.read(path, mark, ALL)
    assert lines == [b"two"]
    lines, mark = tail.read(path, mark, ALL)
    assert lines == [b"three"]


def test_a_line_without_end_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"x" * (tail.LONGEST + 10))
    _, mark = tail.read(path, START, ALL)
    with path.open("ab") as file:
        file.write(b"\nnext\n")
    lines, _ = tail.read(path, mark, ALL)
    assert lines[-1] == b"next"


def test_a_model_that_puts_a_link_or_a_pipe_there_shows_nothing_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password\n")
    (tmp_path / "link.log").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe.log")
    assert tail.read(tmp_path / "link.log", START, ALL) == ([], START)
    assert tail.read(tmp_path / "pipe.log", START, ALL) == ([], START)


def test_what_a_model_says_is_signed_with_what_the_runner_launched(layout: Layout, stream: Valkey) -> None:
    launched(layout)
    forged = {"type": Inference.KIND, "request_id": "q", "endpoint": "other", "digest": "c" * 64, "version": "9"}
    layout.evidence(REPLICA).write_text("\n".join([json.dumps(forged), "not JSON", "[" * 100_000, ""]))
    layout.access_log.write_text('{"request_id": "q"}\n')
    assert Carrier(layout, stream.client).turn() == 4
    assert entries(stream) == [
        ("routed", {"request_id": "q"}),
        ("inference", {**forged, "endpoint": "fraud", "model": "Fraud", "digest": "a" * 64, "version": "3"}),
        ("inference", {"replica": REPLICA, "lines": 2, "unreadable": "not JSON"}),
    ]


def test_what_gets_copies_alone_cannot_pass_its_answers_off_as_a_callers(layout: Layout, stream: Valkey) -> None:
    launched(layout)
    tracks = (TrackRoute("stable", ("fraud-0",), SHARES), TrackRoute("shadow", (REPLICA,), SHARES))
    dump(layout.routes("fraud"), Routes("fraud", 1, 1, "k", "r", "mirror", "ab" * 16, tracks))
    forged = {"type": Inference.KIND, "request_id": "q", "track": "stable"}
    layout.evidence(REPLICA).write_text(json.dumps(forged) + "\n")
    assert Carrier(layout, stream.client).turn() == 1
    ((_, body),) = entries(stream)
    assert body["track"] == "shadow"


def test_a_replica_that_nobody_launched_signs_nothing(layout: Layout, stream: Valkey) -> None:
    layout.evidence(REPLICA).write_text(json.dumps({"type": Inference.KIND, "request_id": "q"}) + "\n")
    assert Carrier(layout, stream.client).turn() == 1
    ((_, body),) = entries(stream)
    assert body["replica"] == REPLICA
    assert "type" not in body


def test_a_new_carrier_goes_on_where_the_last_one_ended(layout: Layout, stream: Valkey) -> None:
    layout.access_log.write_text('{"n": 1}\n')
    assert Carrier(layout, stream.client).turn() == 1
    layout.access_log.write_text('{"n": 1}\n{"n": 2}\n')
    assert Carrier(layout, stream.client).turn() == 1
    assert [body for _, body in entries(stream)] == [{"n": 1}, {"n": 2}]


def test_while_the_stream_is_away_lines_wait_in_their_files(layout: Layout) -> None:
    server = Valkey()
    try:
        carrier = Carrier(layout, server.client)
        layout.access_log.write_text('{"n": 1}\n')
        assert carrier.turn() == 1
        server.kill()
        layout.access_log.write_text('{"n": 1}\n{"n": 2}\n')
        with pytest.raises(redis.RedisError):
            carrier.turn()
        server.start()
        assert carrier.turn() == 1
        assert [body for _, body in entries(server)] == [{"n": 1}, {"n": 2}]  # append-only: the first is still there
    finally:
        server.close()


class Clock:
    """Time that passes when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = time.time()
        for name in ("time", "monotonic"):
            monkeypatch.setattr(time, name, lambda: self.at)

    def turns(self, carrier: Carrier, span_s: float) -> None:
        """Let the carrier take a turn each tenth of a second."""
        for _ in range(round(span_s * 10)):
            self.at += 0.1
            carrier.turn()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def records(first: int, count: int) -> str:
    """Return lines that a model server would write; a hostile model can write the same."""
    return "".join(
        json.dumps({"type": Inference.KIND, "request_id": f"q{n}"}) + "\n" for n in range(first, first + count)
    )


def asked(first: int, count: int, endpoint: str = "fraud", **more: Any) -> str:
    """Return lines of the router."""
    line = {"endpoint": endpoint, "track": "stable", "attempts": 1}
    return "".join(json.dumps({"request_id": f"q{n}", **line, **more}) + "\n" for n in range(first, first + count))


def append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


def carried(stream: Valkey, replica_version: str = "3") -> int:
    """Return how many records of a version are in the stream."""
    return sum(body.get("version") == replica_version for kind, body in entries(stream) if kind == "inference")


def completes(stream: Valkey) -> list[Any]:
    return [body for kind, body in everything(stream) if kind == "complete"]


@pytest.mark.parametrize("flood", ["junk", "records"])
def test_a_models_flood_is_dropped_told_once_and_makes_no_other_endpoint_late(
    layout: Layout, stream: Valkey, clock: Clock, flood: str
) -> None:
    launched(layout)
    launched(layout, "churn-1", "churn", "4")
    carrier = Carrier(layout, stream.client)
    began, took_s = clock.at, time.perf_counter()
    for second in range(10):
        append(layout.evidence(REPLICA), "x\n" * 1_000_000 if flood == "junk" else records(0, 50_000))
        append(layout.evidence("churn-1"), records(second * 100, 100))
        append(layout.access_log, asked(second * 100, 100, "churn"))
        clock.turns(carrier, 1)
        assert carried(stream, "4") == 100 * (second + 1), "the neighbour waits for nothing"
        assert completes(stream)[-1]["at"] > clock.at - 1.2
        assert "churn" not in completes(stream)[-1]["but"]
    assert time.perf_counter() - took_s < 60
    assert carried(stream) <= 1_000 + 10 * (clock.at - began)
    assert len(entries(stream)) < 4_000
    told = [body for kind, body in entries(stream) if kind == "dropped"]
    assert [(body["endpoint"], body["replica"]) for body in told] == [("fraud", REPLICA)]
    clock.turns(carrier, 61)
    told = [body["lines"] for kind, body in entries(stream) if kind == "dropped"]
    written = 10_000_000 if flood == "junk" else 500_000
    assert len(told) == 2
    assert written - 2_000 <= sum(told) < written
    assert completes(stream)[-1]["but"] == {}


def test_what_the_router_asked_of_an_endpoint_each_of_its_replicas_may_answer(
    layout: Layout, stream: Valkey, clock: Clock
) -> None:
    for replica in ("fraud-1", "fraud-2"):
        launched(layout, replica)
        append(layout.evidence(replica), records(0, 1))
    carrier = Carrier(layout, stream.client)
    clock.turns(carrier, 0.1)
    append(layout.access_log, asked(0, 2_000) + asked(0, 500, attempts=3) + asked(0, 9_000, "churn"))
    append(layout.evidence("fraud-1"), records(0, 4_600))
    append(layout.evidence("fraud-2"), records(5_000, 4_400))
    clock.turns(carrier, 2)
    assert carried(stream) == pytest.approx(2 + 4_400 + 4_500, abs=25), "3,500 asked and 1,000 more of each"
    assert completes(stream)[-1]["but"] == {"fraud": pytest.approx(clock.at, abs=2.1)}
    clock.turns(carrier, 3)
    assert [body["lines"] for kind, body in entries(stream) if kind == "dropped"] == [pytest.approx(100, abs=60)]


def test_records_that_are_ahead_of_the_routers_lines_wait_for_them_and_none_is_lost(
    layout: Layout, stream: Valkey, clock: Clock
) -> None:
    """As at 5,000 requests a second, whose lines come a second later."""
    launched(layout)
    carrier = Carrier(layout, stream.client)
    for second in range(5):
        append(layout.evidence(REPLICA), records(second * 5_000, 5_000))
        clock.turns(carrier, 1)
        append(layout.access_log, asked(second * 5_000, 5_000))
        assert clock.at - completes(stream)[-1]["but"].get("fraud", clock.at) < 3 or second == 0
    clock.turns(carrier, 2)
    assert carried(stream) == 25_000
    assert [kind for kind, _ in entries(stream) if kind == "dropped"] == []
    assert completes(stream)[-1]["but"] == {}


def test_while_the_routers_own_lines_wait_nothing_is_dropped(layout: Layout, stream: Valkey, clock: Clock) -> None:
    launched(layout)
    carrier = Carrier(layout, stream.client)
    append(layout.evidence(REPLICA), records(0, 30_000))
    append(layout.access_log, "".join(asked(n, 1, padding="x" * 3_000) for n in range(30_000)))
    clock.turns(carrier, 9)
    assert 0 < carried(stream) == 30_000
    assert [kind for kind, _ in entries(stream) if kind == "dropped"] == []


def test_what_others_answered_is_not_saved_up_for_a_flood(layout: Layout, stream: Valkey, clock: Clock) -> None:
    launched(layout)
    carrier = Carrier(layout, stream.client)
    append(layout.evidence(REPLICA), records(0, 1))
    clock.turns(carrier, 0.1)
    append(layout.access_log, asked(0, 50_000))
    clock.turns(carrier, 5)
    append(layout.evidence(REPLICA), records(0, 50_000))
    clock.turns(carrier, 5)
    assert carried(stream) < 1_100


def test_a_carrier_that_is_killed_again_and_again_allows_no_more(layout: Layout, stream: Valkey, clock: Clock) -> None:
    launched(layout)
    append(layout.evidence(REPLICA), records(0, 100_000))
    append(layout.access_log, asked(0, 500))
    for _ in range(20):
        clock.turns(Carrier(layout, stream.client), 0.5)
    assert 1_500 <= carried(stream) < 1_700


def test_records_of_requests_whose_lines_died_with_the_router_use_the_few_which_come_back(
    layout: Layout, stream: Valkey, clock: Clock
) -> None:
    launched(layout)
    carrier = Carrier(layout, stream.client)
    for _ in range(10):
        append(layout.evidence(REPLICA), records(0, 500))
        clock.turns(carrier, 60)
    assert carried(stream) == 5_000


def test_marks_of_an_earlier_edition_are_read_and_begin_with_the_few(
    layout: Layout, stream: Valkey, clock: Clock
) -> None:
    launched(layout)
    path = layout.evidence(REPLICA)
    append(path, records(0, 3_000))
    layout.carried.parent.mkdir(parents=True)
    key = str(path.relative_to(layout.root))
    layout.carried.write_text(json.dumps({key: [path.stat().st_ino, len(records(0, 1_000))]}))
    clock.turns(Carrier(layout, stream.client), 1)
    assert 1_000 <= carried(stream) < 1_050
    assert entries(stream)[0][1]["request_id"] == "q1000"


def test_the_last_records_of_a_replica_that_is_no_more_are_carried_and_then_removed(
    layout: Layout, stream: Valkey
) -> None:
    launched(layout)
    carrier = Carrier(layout, stream.client)
    record = {"type": Inference.KIND, "request_id": "last"}
    layout.evidence(REPLICA).write_text(json.dumps(record) + "\n")
    carrier.turn()
    with layout.evidence(REPLICA).open("a") as file:
        file.write(json.dumps({**record, "request_id": "very last"}) + "\n")
    layout.launched(REPLICA).unlink()
    assert carrier.turn() == 1
    assert entries(stream)[-1][1]["request_id"] == "very last"
    assert entries(stream)[-1][1]["endpoint"] == "fraud"
    carrier.turn()
    assert not layout.temporary(REPLICA).exists()


def test_a_file_that_was_replaced_is_not_said_to_be_complete_before_its_successor_is_read(
    layout: Layout, stream: Valkey
) -> None:
    carrier = Carrier(layout, stream.client)
    layout.access_log.write_text('{"n": 1}\n')
    carrier.turn()
    with layout.access_log.open("a") as file:
        file.write('{"n": 2}\n')
    layout.access_log.rename(layout.access_log.with_name(f"{layout.access_log.name}.1"))
    layout.access_log.write_text('{"n": 3}\n')
    carrier.told = 0.0
    kinds = len(everything(stream))
    assert carrier.turn() == 1
    assert [kind for kind, _ in everything(stream)[kinds:]] == ["routed"]
    assert carrier.turn() == 1
    assert [kind for kind, _ in everything(stream)[kinds:]] == ["routed", "routed", "complete"]
