"""Which values a model server tells: drawn by lot, bounded, and as the policy of its model lets it."""

import json
import subprocess
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from serving import environments
from tests.serving.rig import ROOT, Home

ROWS, BYTES, TEXT = 50, 64 * 2**10, 400


@pytest.fixture(scope="module")
def said(home: Home, onnx_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was told in each case, in an environment that has numpy."""
    python = environments.python_of(home.layout.environment(home.environment(onnx_folder)))
    script = str(Path(__file__).with_name("draw_features.py"))
    words = [str(python), script, str(tmp_path_factory.mktemp("policy"))]
    ran = subprocess.run(words, capture_output=True, check=True, text=True, env={"PYTHONPATH": str(ROOT)})
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_requests_of_a_moment_are_one_sample_by_column(said: dict[str, Any]) -> None:
    assert said["joined"] == {
        "of": 3,
        "chosen": 3,
        "columns": {"age": [30, 40, 50], "sum": [1.5, 2.5, None], "city": [None, None, "Bern"]},
        "predictions": [0, 1, 1],
    }


def test_of_many_rows_some_are_drawn_each_as_likely(said: dict[str, Any]) -> None:
    for one in said["drawn"]:
        assert (one["of"], len(one["predictions"])) == (500, ROWS)
        assert one["columns"]["age"] == one["predictions"], "values stand beside their own prediction"
    places = [place for one in said["drawn"] for place in one["predictions"]]
    assert fmean(places) == pytest.approx(249.5, abs=8)


def test_dropped_columns_are_not_told_and_hashed_ones_only_as_alike(said: dict[str, Any]) -> None:
    first, second = said["hidden"]
    assert first.keys() == {"city"}
    one, same, none = first["city"]
    assert one == same != "Bern"
    assert none is None
    assert one != second["city"][0], "another model's salt is another"


def test_without_a_policy_that_can_be_read_nothing_is_told(said: dict[str, Any]) -> None:
    assert said["unread"] == [None, None, None]


def test_a_policy_counts_from_the_next_sample_on(said: dict[str, Any]) -> None:
    assert fmean(said["shares"]["some"]) == pytest.approx(8, abs=1), "a fifth of the rows"
    assert said["shares"]["none"] is None


def test_a_sample_is_bounded_in_bytes(said: dict[str, Any]) -> None:
    assert 0 < len(json.dumps(said["long"], separators=(",", ":"))) <= BYTES
    assert len(said["long"]["columns"]["text 0"][0]) == TEXT


def test_predictions_are_told_row_by_row_where_the_answer_is(said: dict[str, Any]) -> None:
    assert said["answered"] == {
        "scores": [[0.25, 0.75]],
        "table": [1],
        "wide table": [[1, 0.5]],
        "arrays": [[0.5]],
        "a word": [None],
        "bytes": [None],
    }


def test_arrays_of_a_row_are_one_list_and_moments_are_words(said: dict[str, Any]) -> None:
    moment, wide = said["arrays"]
    assert moment["at"][0].startswith("2026-11-24T09:00")
    assert wide == {"pixels": [[1, 1, 1, 1]] * 2}
