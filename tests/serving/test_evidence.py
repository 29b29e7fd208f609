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


def launched(layout: Layout) -> None:
    dump(
        layout.launched(REPLICA),
        Desired(REPLICA, "fraud", "Fraud", "3", "a" * 64, (), "b" * 64, "required", 512, 1, "r", "k"),
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
    assert Carrier(layout, stream.client).turn() == 3
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


def test_a_model_that_floods_its_file_holds_up_no_other_and_costs_one_entry_a_turn(
    layout: Layout, stream: Valkey
) -> None:
    launched(layout)
    layout.evidence(REPLICA).write_bytes(b"x\n" * 3_000_000)
    carrier = Carrier(layout, stream.client)
    begun = time.monotonic()
    layout.access_log.write_text('{"n": 1}\n')
    assert carrier.turn() == 2
    assert time.monotonic() - begun < 5
    assert "complete" not in [kind for kind, _ in everything(stream)]
    while carrier.turn():
        pass
    assert time.monotonic() - begun < 30
    assert len(entries(stream)) < 20
    assert everything(stream)[-1][0] == "complete"


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
