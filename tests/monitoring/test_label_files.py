"""Files of labels: what is counted, what is refused and why, and that a file sent again counts once."""

import io
from pathlib import Path
from typing import Any

import duckdb
import pytest

from accounts.actors import Actor
from core.refusals import Denied, Invalid
from monitoring import ingest, label_files
from monitoring.models import Label, LabelFile, Prediction
from tests.monitoring.conftest import Stream

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
COUNTS = ("rows", "new", "revised", "repeated", "waiting", "refused")


def csv(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def parquet(folder: Path, select: str) -> bytes:
    path = folder / "made.parquet"
    duckdb.connect().execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def take(actor: Actor, body: io.BytesIO) -> LabelFile:
    body.name = "labels.csv"
    return label_files.take("fraud", body, actor=actor)


def counts(report: LabelFile) -> dict[str, int]:
    return {name: value for name in COUNTS if (value := getattr(report, name))}


def reasons(report: LabelFile) -> dict[int, str]:
    return {line: why for line, _, why in report.refusals}


def test_each_row_is_told_by_what_became_of_it(watched: Stream, dana: Actor) -> None:
    for name in ("a", "b", "c"):
        watched.request(name, prediction=1)
    ingest.drain()
    assert counts(take(dana, csv("request_id,label\na,1\nb,0\n"))) == {"rows": 2, "new": 2}
    later = take(dana, csv("Prediction_ID,label,note\na,1,x\nb,1,y\nc,0,z\nnobody,1,\n,1,\n"))
    assert counts(later) == {"rows": 5, "new": 2, "revised": 1, "repeated": 1, "waiting": 1, "refused": 1}
    assert later.refusals == [[6, "", "request_id or prediction_id or client_request_id is empty."]]
    found = dict(Prediction.objects.values_list("request_id", "correct"))
    assert found == {"a": True, "b": True, "c": False}


def test_a_file_sent_twice_counts_once(dana: Actor) -> None:
    text = "request_id,label,value,at,segment\n" + "".join(f"r{n},{n % 2},1.5,2026-01-02,old\n" for n in range(300))
    assert counts(take(dana, csv(text))) == {"rows": 300, "new": 300, "waiting": 300}
    assert counts(take(dana, csv(text))) == {"rows": 300, "repeated": 300}
    row = Label.objects.get(request_id="r1")
    assert (row.value, row.worth, row.segment, f"{row.at:%Y-%m-%d %H:%M %Z}") == (1, 1.5, "old", "2026-01-02 00:00 UTC")


def test_cells_are_what_they_look_like_and_ids_are_as_written(dana: Actor) -> None:
    take(dana, csv('request_id,label\n007,1\n1e5,0.50\nx,TRUE\ny,"a, b"\nz,"[1, 0]"\nw,007\n'))
    found = dict(Label.objects.values_list("request_id", "value"))
    assert found == {"007": 1, "1e5": 0.5, "x": True, "y": "a, b", "z": [1, 0], "w": "007"}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a,nan,,", "NaN and infinity"),
        ("a,-inf,,", "NaN and infinity"),
        ("a,1,rich,", "value is a number"),
        ("a,1,1e99,", "value is a number"),
        ("a,1,,2999-01-01", "at is in the future: 2999-01-01"),
        ("a,1,,yesterday", "at is a moment such as"),
        ("a,,,2026-01-01", "label and value are empty"),
        (f"{'x' * 129},1,,", "1 to 128 characters"),
        ("a,1", "2 cells, and the first line has 4"),
    ],
)
def test_a_row_that_is_no_label_is_refused_with_its_line(dana: Actor, row: str, why: str) -> None:
    report = take(dana, csv(f"request_id,label,value,at\ngood,1,,\n{row}\nbetter,0,,\n"))
    assert counts(report) == {"rows": 3, "new": 2, "waiting": 2, "refused": 1}
    assert why in reasons(report)[3]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "A column request_id or prediction_id or client_request_id is missing"),
        ("request_id,lable\na,1\n", "A column label or value is missing. The file has request_id, lable."),
        ("request_id,label,label\na,1,0\n", "The column label is there twice"),
        ("request_id,label\n", "no row after its first line"),
        ("request_id,label\n\udcff,1\n", "not UTF-8"),
        ("PAR1 and no more", "The Parquet file cannot be read"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_refused_whole(dana: Actor, text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        take(dana, io.BytesIO(text.encode(errors="surrogateescape")))
    assert refused.value.field == "files"
    assert not LabelFile.objects.exists()
    assert not Label.objects.exists()


def test_what_comes_before_a_break_stands_and_the_mended_file_counts_the_rest(dana: Actor) -> None:
    broken = take(dana, io.BytesIO(b"request_id,label\na,1\n\xff,1\n"))
    assert (counts(broken), broken.fault) == ({"rows": 1, "new": 1, "waiting": 1}, "After line 2: not UTF-8.")
    assert counts(take(dana, csv("request_id,label\na,1\nb,1\n"))) == {
        "rows": 2, "new": 1, "repeated": 1, "waiting": 1,
    }  # fmt: skip


def test_a_file_of_more_rows_than_one_may_have_says_where_to_go_on(
    dana: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_files, "MOST_ROWS", 2)
    report = take(dana, csv("request_id,label\na,1\nb,1\nc,1\n"))
    assert (report.rows, report.new) == (2, 2)
    assert "after 2 rows" in report.fault


def test_parquet_says_the_same(dana: Actor, tmp_path: Path) -> None:
    made = parquet(
        tmp_path,
        "SELECT * FROM (VALUES (7, 1.5::DOUBLE, DATE '2026-01-02', {'deep': 1}), (8, 'nan'::DOUBLE, NULL, NULL),"
        ' (9, NULL, NULL, NULL)) AS t(Request_Id, label, "at", other)',
    )
    report = take(dana, io.BytesIO(made))
    assert counts(report) == {"rows": 3, "new": 1, "waiting": 1, "refused": 2}
    assert (Label.objects.get().request_id, Label.objects.get().value) == ("7", 1.5)
    assert "NaN" in reasons(report)[2]
    assert reasons(report)[3] == "label and value are empty."


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_cut_parquet_counts_nothing_and_says_why(dana: Actor, tmp_path: Path, kept: float) -> None:
    made = parquet(tmp_path, "SELECT 'r' || i AS request_id, i % 2 AS label FROM range(20000) t(i)")
    with pytest.raises(Invalid, match="The Parquet file cannot be read") as refused:
        take(dana, io.BytesIO(made[: int(len(made) * kept)]))
    assert str(tmp_path) not in refused.value.message


def test_a_structure_in_parquet_is_no_label(dana: Actor, tmp_path: Path) -> None:
    report = take(dana, io.BytesIO(parquet(tmp_path, "SELECT 'a' AS request_id, {'deep': 1} AS label")))
    assert (counts(report), reasons(report)[1]) == (
        {"rows": 1, "refused": 1}, "label is a number, a text, true or false, or a list.",
    )  # fmt: skip


def test_who_may_not_give_labels_is_denied_before_anything_is_read(people: dict[str, Actor]) -> None:
    class Unread(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("it was read")

    with pytest.raises(Denied):
        take(people["rita"], Unread())
