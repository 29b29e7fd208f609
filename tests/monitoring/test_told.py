"""Outcomes as counts that add up, and the measures made of them, held to plain definitions over the rows."""

import json
import random
from math import sqrt
from typing import Any

import pytest

from monitoring.packing import packed, told_of
from monitoring.stats.calibration import auc
from monitoring.stats.quality import calibration_of, coverage, delay_curve, estimate, is_regression, measures, slices
from monitoring.stats.told import Told

LOT = random.Random(3)


def scored(rows: int, *, base: float = 0.4) -> list[tuple[int, int, float]]:
    """(said, truth, score) of a model whose scores mean what they say."""
    found = []
    for _ in range(rows):
        score = min(0.999, max(0.0, LOT.gauss(base, 0.25)))
        found.append((int(score >= 0.5), int(LOT.random() < score), score))
    return found


def told(rows: list[tuple[Any, Any, Any]], segment: str = "") -> Told:
    made = Told(asked=len(rows))
    for said, truth, score in rows:
        made.label(said, truth, score, 30.0, segment)
    return made


def test_measures_of_two_classes_are_their_definitions() -> None:
    rows = scored(3_000)
    found = measures(told(rows))
    said, true = sum(said for said, _, _ in rows), sum(truth for _, truth, _ in rows)
    both = sum(said and truth for said, truth, _ in rows)
    assert found["accuracy"].value == pytest.approx(sum(said == truth for said, truth, _ in rows) / 3_000)
    assert found["precision"].value == pytest.approx(both / said)
    assert found["recall"].value == pytest.approx(both / true)
    assert found["brier"].value == pytest.approx(sum((score - truth) ** 2 for _, truth, score in rows) / 3_000)
    exact = auc((score, bool(truth)) for _, truth, score in rows)
    assert exact is not None
    assert found["auc"].value == pytest.approx(exact, abs=0.002)  # cells of 1/250
    assert found["ece"].value < 0.05
    for name, measure in found.items():
        low, high = measure.low or 0.0, measure.high or 0.0
        assert low <= measure.value <= high < low + 0.1, name


def test_measures_of_numbers_are_their_definitions_and_nothing_else() -> None:
    pairs = [(LOT.gauss(100, 20), LOT.gauss(100, 20)) for _ in range(500)]
    made = told([(said, truth, None) for said, truth in pairs])
    found = measures(made)
    assert is_regression(made)
    assert set(found) == {"mae", "rmse"}
    assert found["mae"].value == pytest.approx(sum(abs(said - truth) for said, truth in pairs) / 500)
    assert found["rmse"].value == pytest.approx(sqrt(sum((said - truth) ** 2 for said, truth in pairs) / 500))


@pytest.mark.parametrize("cut", [0, 1, 700, 1_999])
def test_parts_together_say_what_all_do_in_any_order_and_after_being_kept(cut: int) -> None:
    rows = scored(2_000)
    whole, one, other = told(rows, "a"), told(rows[:cut], "a"), told(rows[cut:], "a")
    other += one
    kept = Told.of_document(json.loads(json.dumps(other.document)))
    assert {**kept.document, "moments": None} == {**whole.document, "moments": None}
    for name, sums in whole.moments.items():
        assert kept.moments[name] == pytest.approx(sums)


def test_three_classes_have_an_accuracy_and_no_positive_one() -> None:
    made = told([("cat", "cat", 0.9), ("dog", "cat", 0.8), ("cow", "cow", 0.7)])
    assert set(measures(made)) == {"accuracy"}


def test_rows_of_one_request_count_each_and_the_request_once() -> None:
    made = told([([1, 0, 1], [1, 1, 1], [0.9, 0.2, 0.8]), ([1, 0], [1], None)])
    assert (made.labelled, made.rows, made.right) == (2, 4, 2)
    assert sum(map(sum, made.scores.values())) == 3


@pytest.mark.parametrize(("said", "truth"), [([{"y": 1}], 1), (1.0, True), ("1", 1), (0.8, 1), ([0.8], [1])])
def test_one_value_is_the_same_in_every_shape(said: Any, truth: Any) -> None:
    assert told([(said, truth, None)]).pairs == {("1", "1"): 1}


def test_an_answer_that_is_a_chance_is_its_own_score() -> None:
    found = measures(told([(score, truth, None) for _, truth, score in scored(500) if not score.is_integer()]))
    assert {"accuracy", "auc", "brier"} <= set(found)


def test_a_score_out_of_bounds_and_one_class_alone_have_no_curve() -> None:
    assert set(measures(told([(1, 1, 1.5), (1, 1, -0.1)]))) == {"accuracy"}
    assert "auc" not in measures(told([(1, 1, 0.5), (1, 1, 0.9)]))


def test_more_classes_and_segments_than_are_told_apart_are_one() -> None:
    made = told([(f"c{n}", f"c{n}", None) for n in range(200)])
    assert made.rows == 200
    assert len(made.pairs) <= 51
    for n in range(200):
        made.label(1, 1, None, 0, f"s{n}")
    assert len(made.segments) <= 51


def test_an_estimate_is_near_the_truth_and_labels_overrule_it() -> None:
    known, moved = told(scored(4_000)), scored(4_000, base=0.5)
    waits = Told(asked=len(moved))
    for said, _, score in moved:
        waits.wait(said, score)
    truth = sum(said == truth for said, truth, _ in moved) / len(moved)
    guess = estimate(waits, known)
    assert guess is not None
    assert guess.accuracy == pytest.approx(truth, abs=0.02)
    assert (guess.part, guess.rests_on) == (1.0, 4_000)
    half = Told(asked=4_000)
    for said, true, score in moved[:2_000]:
        half.label(said, true, score, 1.0)
    for said, _, score in moved[2_000:]:
        half.wait(said, score)
    overruled = estimate(half, known)
    assert overruled is not None
    assert overruled.part == 0.5
    assert abs(overruled.accuracy - truth) <= abs(guess.accuracy - truth) + 0.01
    assert estimate(told(moved), known) is None  # nothing waits


def test_without_enough_labels_of_both_kinds_nothing_is_estimated() -> None:
    waits = Told(asked=1)
    waits.wait(1, 0.9)
    assert calibration_of(told(scored(90))) is None
    assert estimate(waits, told([(1, 1, 0.9)] * 200)) is None


def test_the_worst_segment_is_named_only_where_it_is_worse_by_more_than_chance() -> None:
    made = told([(1, int(LOT.random() < 0.9), None) for _ in range(2_000)], "usual")
    made += told([(1, int(LOT.random() < 0.9), None) for _ in range(100)], "alike")
    assert [one.name for one in slices(made) if one.is_worse] == []
    made += told([(1, int(LOT.random() < 0.6), None) for _ in range(100)], "thin file")
    made += told([(1, 0, None)] * 5, "few")
    found = slices(made)
    assert (found[0].name, found[0].is_worse) == ("thin file", True)
    assert "few" not in {one.name for one in found}


def test_segments_of_numbers_are_told_by_their_error() -> None:
    made = told([(100.5 + LOT.gauss(0, 1), 100.0, None) for _ in range(300)], "usual")
    made += told([(110.5 + LOT.gauss(0, 1), 100.0, None) for _ in range(50)], "far")
    assert (slices(made)[0].name, slices(made)[0].is_worse) == ("far", True)


def test_coverage_and_delay_count_windows_once_they_are_old_enough() -> None:
    young, old = told([(1, 1, None)] * 3), told([(1, 1, None)] * 2)
    young.asked, old.asked = 10, 4
    old.label(1, 1, None, 5_000.0)
    curve = {point.within_s: (point.labelled, point.of) for point in delay_curve([(90, young), (90_000, old)])}
    assert curve[60] == (5, 14)
    assert curve[600] == (2, 4)
    assert curve[21_600] == (3, 4)
    assert max(curve) == 86_400
    found = coverage(old)
    assert found is not None
    assert found.value == 0.75
    assert coverage(Told()) is None


def test_what_was_kept_is_read_once_and_adding_it_to_others_leaves_it_as_it_is() -> None:
    kept = packed(told(scored(200), "a").document)
    first = told_of(kept)
    before = json.dumps(first.document)
    whole = Told()
    for _ in range(3):
        whole += told_of(memoryview(kept))
    assert whole.rows == 600
    assert told_of(kept) is first
    assert json.dumps(first.document) == before
