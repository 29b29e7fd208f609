"""What is told of a scored file: counted once, whatever the model wrote there."""

import json
from pathlib import Path

import pytest

from monitoring import files
from monitoring.files import File
from monitoring.models import DeadLetter, FeatureHour, Prediction
from tests.factories import count_feature

pytestmark = pytest.mark.django_db
JULY = File("july", "fraud", "Fraud", "1", "d" * 64)
SAMPLE = {"of": 100, "columns": {"age": [1.0, 2.0], "city": ["a", "b"]}, "predictions": [True, False]}


def written(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{json.dumps([0, place, line])}\n" for place, line in enumerate(lines)))
    return path


def test_a_file_is_counted_once_and_its_rows_stand_for_those_they_were_drawn_from(tmp_path: Path) -> None:
    feature = count_feature("fraud", "1", "age", [1.0, 2.0] * 50, [1.0])
    path = written(tmp_path / "samples", SAMPLE, SAMPLE)
    told = files.take(JULY, path)
    assert files.take(JULY, path) == told
    assert (told["rows"], told["of"]) == (4, 200)
    assert told["features"] == [{"name": "age", "distance": 0.0, "signal": "value", "severity": "none"}]
    assert dict(told["predictions"]["words"]) == {"True": 2, "False": 2}
    assert sum(feature.hours.values_list("of", flat=True)) == 1 + 200
    assert Prediction.objects.filter(endpoint="fraud", routed=False, rows=100).count() == 2


@pytest.mark.parametrize(
    "line", [None, [], {}, {"of": 1}, {**SAMPLE, "of": 1}, {**SAMPLE, "columns": {"age": [1.0]}}, {**SAMPLE, "of": "x"}]
)
def test_what_is_no_sample_becomes_a_dead_letter_and_keeps_no_other_back(tmp_path: Path, line: object) -> None:
    count_feature("fraud", "1", "age", [1.0, 2.0] * 50, [1.0])
    told = files.take(JULY, written(tmp_path / "samples", line, SAMPLE))
    assert (told["rows"], DeadLetter.objects.count()) == (2, 1)


def test_a_file_of_which_nothing_may_be_told_tells_nothing(tmp_path: Path) -> None:
    assert files.take(JULY, written(tmp_path / "samples")) == {}
    assert files.take(JULY, tmp_path / "none") == {}
    assert not FeatureHour.objects.exists()
