"""Files that are scored: by real processes where it matters that they are three, by their parts where it does not."""

import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from serving import frames, processes, sandbox
from serving.batch import cells, running, sources, writing
from serving.batch.asked import Asked, Column, Unfit, asked_by
from serving.batch.journal import Done, Journal
from serving.batch.reader import read
from serving.contract import Desired, Isolation
from tests.deployments.test_real_plane import save_hostile
from tests.serving.rig import Home
from tests.serving.scoring import Job, parquet, score
from tests.serving.waiting import until

ASKED = Asked(tuple(Column(name, "double") for name in ("f0", "f1", "f2")))
MANY = 1_500_000  # six parts


@pytest.fixture(scope="module")
def desired(home: Home, onnx_folder: Path) -> Desired:
    return home.desire("batch-model", onnx_folder)


def thirds(rows: int) -> dict[str, pa.Array]:
    """Return columns whose first and last value are the row's number in thousandths."""
    low = pc.divide(pa.array(range(rows), pa.float64()), 1000.0)
    return {"id": pa.array(range(rows, 0, -1)), "f0": low, "f1": low, "f2": pc.multiply(low, 2.0)}


def test_a_parquet_is_scored_row_by_row_in_its_order_with_its_ids(home: Home, desired: Desired) -> None:
    rows = 300_000  # two parts
    job = Job(home, desired, parquet(thirds(rows), row_group_size=70_000), "batch-order", ids="id")
    seen = job.run()
    assert (seen.state, seen.why, seen.rows_read, seen.rows_scored, seen.rows_rejected) == ("done", "", rows, rows, 0)
    table = job.result
    assert table.column_names == ["row", "id", "score"]
    assert table["row"].to_pylist() == list(range(1, rows + 1))
    assert table["id"].to_pylist() == list(range(rows, 0, -1))
    assert [table["score"][place].as_py() for place in (0, 9_000, 290_000)] == [
        pytest.approx(score(place / 1000, place / 500), abs=1e-6) for place in (0, 9_000, 290_000)
    ]
    assert seen.isolation in {"bubblewrap", "landlock", "none"}


def test_rows_of_a_csv_that_do_not_fit_are_told_one_by_one_and_the_others_scored(home: Home, desired: Desired) -> None:
    lines = [
        b"\xef\xbb\xbff0,f1,extra,f2,id",  # as Excel begins a file
        b"1,2,x,3,a",
        b"1,abc,x,3,b",
        b"1,2,x",
        b'"1","2","a ""quoted""\nline",3,c',
        b"1,2,\xff,3,d",
        b"1,2,x,\xff,e",
        b"1,2,x,,f",
        b"1,\0,x,3,g",
        b"1,2,x,inf,h",
        b" 1 ,2.0,x,3e0,i",
    ]
    job = Job(home, desired, b"\r\n".join(lines) + b"\r\n", "batch-csv", result="csv", ids="id")
    seen = job.run()
    assert (seen.state, seen.why, seen.kind) == ("done", "", "csv")
    assert (seen.rows_read, seen.rows_scored, seen.rows_rejected) == (10, 4, 6)
    scored = job.layout.batch_result(job.name).read_text().splitlines()
    assert scored[0] == '"row","id","score"'
    assert [line.rpartition(",")[0] for line in scored[1:]] == ['1,"a"', '4,"c"', '5,"d"', '10,"i"']
    reasons = dict(line.split(",", 1) for line in job.rejected)
    assert sorted(map(int, reasons)) == [2, 3, 6, 7, 8, 9]
    for row, words in {
        "2": 'Column \'f1\': expected double (a number) and got ""abc""',
        "3": "3 cells, and the first line has 5",
        "6": "which is not UTF-8",
        "7": "an empty value",
        "8": "u0000",
        "9": "inf",
    }.items():
        assert words in reasons[row]


@pytest.mark.parametrize("killed", ["driver", "reader", "model"])
def test_no_row_is_lost_or_doubled_when_a_process_is_killed_and_no_part_is_done_twice(
    home: Home, desired: Desired, killed: str
) -> None:
    job = Job(home, desired, parquet(thirds(MANY)), f"batch-killed-{killed}")
    child = job.start()
    until(lambda: len(job.parts) >= 2, within_s=30)
    pid = {
        "driver": child.pid,
        "reader": process_of(child.pid, "serving.batch.reader"),
        "model": process_of(child.pid, "serving.server.batch"),
    }
    os.kill(pid[killed], signal.SIGKILL)
    child.wait(30)
    kept = {path.name: path.stat().st_mtime_ns for path in job.parts}
    assert child.returncode not in {0, 3}
    assert 2 <= len(kept) < 6
    until(lambda: not any(map(processes.started, pid.values())), within_s=10)  # nothing is left behind
    seen = job.run()
    assert (seen.state, seen.rows_read, seen.rows_scored) == ("done", MANY, MANY)
    assert {path.name: path.stat().st_mtime_ns for path in job.parts if path.name in kept} == kept
    assert job.result["row"].equals(pa.chunked_array([pa.array(range(1, MANY + 1))]))


def process_of(parent: int, module: str) -> int:
    """Return the process below `parent` that runs a module, not what stands before it."""
    found = [pid for pid in processes.descendants(parent) if module in Path(f"/proc/{pid}/cmdline").read_text()]
    return found[-1]


def test_what_ends_its_starter_ends_it(home: Home, desired: Desired) -> None:
    job = Job(home, desired, parquet(thirds(MANY)), "batch-starter")
    child = job.start()
    until(lambda: job.parts, within_s=30)
    below = processes.descendants(child.pid)
    assert child.stdin
    child.stdin.close()
    child.wait(10)
    until(lambda: not any(map(processes.started, below)), within_s=10)


TRIES = """
import pathlib, socket, sys
try:
    pathlib.Path(sys.argv[2]).with_name("written").write_text("x")
except OSError:
    pass  # it has no such folder, or one of its own
for deed in (lambda: open(sys.argv[1]).read(), lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 2),
             lambda: open(sys.argv[2]).read()):
    try:
        deed()
        print("done")
    except OSError as why:
        print("no")
"""


def test_what_reads_a_file_reaches_that_file_and_no_other(tmp_path: Path, isolation: Isolation) -> None:
    for name in ("secret", "file"):
        (tmp_path / name).write_text(name)
    (tmp_path / "job").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = [str(tmp_path / "secret"), str(tmp_path / "file"), str(listener.getsockname()[1])]
        room = running.room_of_reader(tmp_path / "file", tmp_path / "job")
        command = sandbox.command(room, [sys.executable, "-c", TRIES, *words], isolation)
        ran = subprocess.run(command, env=running.READER, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["no", "no", "done"]
    assert not (tmp_path / "written").exists()


BROKEN = {
    "empty": (b"", "The file is empty."),
    "no rows": (b"f0,f1,f2\n", "The file has no rows after its first line."),
    "a column is missing": (
        b"f0,f2\n1,2\n",
        "Column 'f1' is missing: it should be double (a number). The file has f0, f2.",
    ),
    "NUL": (b"f0,f1\0,f2\n1,2,3\n", "The first line holds a NUL"),
    "another alphabet": ("f0,f1,größe\n1,2,3\n".encode("latin-1"), "The first line is not UTF-8."),
    "wide": (
        b",".join(b"c%d" % place for place in range(200_000)) + b"\n",
        "The file has 200,000 columns; 10,000 are the most.",
    ),
    "twice": (b"f0,f1,f2,f1\n1,2,3,4\n", "The column 'f1' is there twice."),
    "cut": (parquet({"f0": [1.0], "f1": [1.0], "f2": [1.0]})[:-9], "The Parquet file cannot be read: "),
    "Parquet without rows": (
        parquet({name: pa.array([], pa.float64()) for name in ("f0", "f1", "f2")}),
        "The file has no rows.",
    ),
    "of another type": (
        parquet({"f0": [1.0], "f1": ["a"], "f2": [1.0]}),
        "Column 'f1' should be double (a number) and is string in the file.",
    ),
    "nothing fits": (b"f0,f1,f2\na,b,c\nd,e,f\n", "None of the first 2 rows can be scored. Row 1: Column 'f0'"),
}  # fmt: skip


@pytest.mark.parametrize("case", ["cut", "nothing fits", "wide"])
def test_a_file_that_cannot_be_scored_fails_with_the_reason(home: Home, desired: Desired, case: str) -> None:
    content, words = BROKEN[case]
    seen = Job(home, desired, content, f"batch-{case.replace(' ', '-')}").run()
    assert seen.state == "failed"
    assert words in seen.why


@pytest.mark.parametrize("case", sorted(BROKEN.keys() - {"nothing fits"}))
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, case: str) -> None:
    content, words = BROKEN[case]
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Unfit) as refused:
        everything(tmp_path / "file", ASKED)
    assert words in str(refused.value)


def everything(path: Path, asked: Asked) -> list[frames.Frame]:
    """Return all frames that a reader sends to the model."""
    model, said = io.BytesIO(), io.BytesIO()
    read(path, asked, "", 0, (model, said))
    model.seek(0)
    return list(iter(lambda: frames.read(model), None))


def test_parts_are_the_same_wherever_reading_begins(tmp_path: Path) -> None:
    names = ["f0", "f1", "f2"]
    text = "".join(f"{number},{number},{number}\n" if number % 7 else f"{number}\n" for number in range(1, 1001))
    (tmp_path / "csv").write_text(f"f0,f1,f2\n{text}")
    (tmp_path / "parquet").write_bytes(parquet({name: range(1, 1001) for name in names}, row_group_size=37))
    for kind, broken in (("csv", [row for row in range(1, 1001) if not row % 7]), ("parquet", [])):
        whole = list(sources.opened(tmp_path / kind).parts(names, 64, 0))
        assert [part.rows for part in whole] == [64] * 15 + [40]
        assert [part.first + place for part in whole for place in sorted(part.wrong)] == broken
        for begin in (1, 7, 15):
            again = list(sources.opened(tmp_path / kind).parts(names, 64, begin))
            for one, other in zip(again, whole[begin:], strict=True):
                assert (one.number, one.first, one.rows) == (other.number, other.first, other.rows)
                assert (one.wrong, one.values) == (other.wrong, other.values)


FITS = [
    ("double", True, [b"1", b"", b"-inf"], [1.0, None, None], [1, 2]),
    ("double", False, [b"1", b"", b"-inf"], [1.0, "nan", None], [2]),
    ("float", True, [b"1", b"1e300"], [1.0, None], [1]),
    ("long", True, [b"1", b"2.0", b"2.5", str(2**63).encode()], [1, 2, None, None], [2, 3]),
    ("integer", False, [b"1", b"", str(2**31).encode()], [1, None, None], [1, 2]),
    ("boolean", True, [b"true", b"0", b"maybe"], [True, False, None], [2]),
    ("string", True, ["größe".encode(), b"", b"\xff"], ["größe", "", None], [2]),
    ("datetime", True, [b"2026-11-28", b"2026-11-28T10:00:00+02:00", b"1500-01-01"], None, [2]),
    ("long", True, [1.0, 2.5, float("nan")], [1, None, None], [1, 2]),
    ("double", True, [None, 2.0], [None, 2.0], [0]),
    ("string", False, [None, "a"], [None, "a"], []),
]


@pytest.mark.parametrize(("kind", "required", "given", "expected", "wrong"), FITS)
def test_each_value_is_taken_as_the_endpoint_takes_it_or_told_why_not(
    kind: str, required: Any, given: list[object], expected: list[object] | None, wrong: list[int]
) -> None:
    column = Column("x", kind, required)
    made, told = cells.fitted(column, pa.array(given))
    assert sorted(told) == wrong
    assert made.type == cells.TYPES[kind]
    for place, value in enumerate(expected or []):
        if place not in wrong and value != "nan":
            assert made[place].as_py() == value
    if expected and "nan" in expected:
        assert made[expected.index("nan")].as_py() != made[expected.index("nan")].as_py()


def test_an_array_is_taken_from_so_many_columns_and_other_inputs_are_refused() -> None:
    spec = '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]'
    asked = asked_by({"signature": {"inputs": spec}})
    assert (asked.dtype, asked.width) == ("float32", 3)
    assert Asked.loaded(asked.dumped()) == asked
    for inputs, words in {
        None: "no signature",
        spec.replace("[-1, 3]", "[-1, 28, 28]"): "shape [-1, 28, 28]",
        '[{"type": "array", "name": "a", "items": {"type": "double"}}]': "Column 'a' is array",
    }.items():
        with pytest.raises(Unfit, match=words.replace("[", r"\[").replace("]", r"\]")):
            asked_by({"signature": {"inputs": inputs}})


def test_a_journal_that_was_cut_in_a_line_counts_up_to_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add(Done(0, 5, 4, 1))
    with (tmp_path / "journal").open("a") as file:
        file.write('{"part": 1, "rows": 5, "sco')
    again = Journal(tmp_path / "journal")
    assert (again.rows, again.scored, again.rejected) == (5, 4, 1)
    again.add(Done(1, 5, 5, 0))
    assert Journal(tmp_path / "journal").rows == 10


@pytest.mark.parametrize(
    ("columns", "buffers"),
    [
        (None, []),
        ([["score", "float64"]], []),
        ([["score", "float64"]], [bytes(15)]),
        ([["score", "text"]], [b"[1"]),
        ([["score", "text"]], [b"[1]"]),
        ([["score", "object"]], [bytes(16)]),
        ([["score"]], [bytes(16)]),
        ([["score", "float64"], ["score", "float64"]], [bytes(16), bytes(16)]),
    ],
)
def test_an_answer_that_is_not_what_it_says_is_not_taken(columns: object, buffers: list[bytes]) -> None:
    frame = frames.Frame({"columns": columns}, [memoryview(part) for part in buffers])
    with pytest.raises(frames.Cut):
        writing.predictions(frame, 2)


FICKLE = """
import numpy, pandas

class Fickle:
    def predict(self, table, params=None):
        print("what a model prints is no answer", flush=True)
        if (table["amount"] > 1000).any():
            raise ValueError("too much")
        return numpy.column_stack([table["amount"], -table["amount"]])

def _load_pyfunc(path):
    return Fickle()
"""


def test_rows_that_a_model_fails_at_are_told_and_the_others_scored(home: Home, tmp_path: Path, models: Path) -> None:
    requirements = (models / "hostile" / "requirements.txt").read_text(encoding="utf-8")
    save_hostile(tmp_path / "fickle", FICKLE, requirements)
    wanted = home.desire("batch-fickle-model", tmp_path / "fickle", memory_mb=2048)
    amounts = [float(row) if row % 100 else 5000.0 for row in range(1, 1001)]
    job = Job(home, wanted, parquet({"amount": amounts}), "batch-fickle")
    seen = job.run()
    assert (seen.state, seen.why, seen.rows_scored, seen.rows_rejected) == ("done", "", 990, 10)
    assert job.result.column_names == ["row", "prediction_0", "prediction_1"]
    assert job.result["prediction_1"].to_pylist() == [-amount for amount in amounts if amount < 1000]
    assert job.rejected[0] == "100,The model cannot answer it: ValueError: too much"


def test_frames_that_are_none_are_refused() -> None:
    for content in (b"\x05\0\0\0{}", b"\x02\0\0\0{}", b"\xff\xff\xff\xff", b'\x0d\0\0\0{"bytes":[9]}', b"\x02\0\0\0[]"):
        with pytest.raises(frames.Cut):
            frames.read(io.BytesIO(content))
    assert frames.read(io.BytesIO()) is None
    out = io.BytesIO()
    frames.write(out, {"part": 1}, [memoryview(b"abc")])
    out.seek(0)
    frame = frames.read(out)
    assert frame
    assert (frame.head, [bytes(part) for part in frame.buffers]) == ({"part": 1}, [b"abc"])
