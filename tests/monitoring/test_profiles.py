"""References as counts: they add up, they say what exact distances say, and the rule on them is the replay's."""

import json
import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from monitoring.stats.features import Kind
from monitoring.stats.inputs import FeatureWatch
from monitoring.stats.profiles import MISSING, Baseline, Severity, Window, severity_of
from monitoring.stats.references import Levels, ks

Draw = Callable[[random.Random], float]
SHAPES: dict[str, Draw] = {
    "normal": lambda rng: rng.gauss(0, 1),
    "heavy tails": lambda rng: rng.paretovariate(0.8),
    "few values": lambda rng: float(rng.choice((0, 0, 0, 1, 2, 5))),
    "half zeros": lambda rng: 0.0 if rng.random() < 0.5 else rng.lognormvariate(0, 3),
}


def drawn(draw: Draw, count: int, seed: int) -> list[float]:
    rng = random.Random(seed)
    return [draw(rng) for _ in range(count)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("moved", [0.0, 0.2, 3.0])
def test_the_distance_in_cells_is_the_exact_one_within_a_500th(shape: str, moved: float) -> None:
    reference = drawn(SHAPES[shape], 10_000, 1)
    window = [value + moved for value in drawn(SHAPES[shape], 2_000, 2)]
    baseline = Baseline.of(reference)
    exact = ks(sorted(reference), window)
    effect = baseline.effect(baseline.count(window))
    assert effect.distance == pytest.approx(exact, abs=0.002)
    assert effect.distance <= exact


def test_words_are_as_far_apart_as_in_the_replay() -> None:
    reference, window = ["a"] * 700 + ["b"] * 295 + ["rare"] * 5, ["a"] * 50 + ["new"] * 30 + ["rare"] * 20
    baseline = Baseline.of(reference)
    effect = baseline.effect(baseline.count(window))
    assert effect.distance == pytest.approx(Levels(reference).distance(window)) == pytest.approx(0.495)


@pytest.mark.parametrize(
    "values",
    [
        [1.5, None, 2, 7.25] * 50,
        ["a", "b", None, True] * 50,
        ["some words that are long enough to be a text " * n for n in range(1, 50)],
        [[0.5, float(n)] for n in range(50)],
    ],
    ids=["numbers", "words", "texts", "embeddings"],
)
def test_windows_add_up_to_the_window_of_all(values: list[Any]) -> None:
    baseline = Baseline.of(values)
    parts = [baseline.count(values[place::3]) for place in range(3)]
    assert parts[0] + parts[1] + parts[2] == baseline.count(values)
    kept = Baseline.of_document(json.loads(json.dumps(baseline.document)))
    assert kept == baseline
    assert kept.effect(kept.count(values)).distance == pytest.approx(0, abs=1e-9)


def test_a_summary_of_a_million_rows_takes_3_kb_at_most() -> None:
    baseline = Baseline.of(drawn(SHAPES["normal"], 10_000, 1))
    window = baseline.count(drawn(SHAPES["normal"], 10_000, 2))
    text = json.dumps([100 * count for count in window.counts["value"]], separators=(",", ":"))
    assert len(zlib.compress(text.encode())) <= 3_000


def test_what_is_no_number_is_missing_among_numbers() -> None:
    baseline = Baseline.of([1.0, 2.0, 3.0, None])
    window = baseline.count(["x", None, [1.0], True, 2.0])
    assert (window.rows, window.missing, sum(window.counts["value"])) == (5, 4, 1)
    assert baseline.effect(baseline.count([None] * 4)).signal == MISSING


@pytest.mark.parametrize("value", [float("nan"), 10**400, float("inf")])
def test_numbers_that_are_hardly_any_stop_nothing(value: float) -> None:
    baseline = Baseline.of([1.0, 2.0, value, 3.0] * 10)
    assert 0 <= baseline.effect(baseline.count([value, 1.0])).distance <= 1


def test_a_feature_that_was_always_missing_can_still_come() -> None:
    baseline = Baseline.of([None] * 100)
    assert (baseline.kind, baseline.size) == (Kind.NUMBER, 1)
    effect = baseline.effect(baseline.count([1.0] * 10))
    assert (effect.signal, effect.distance) == (MISSING, 1.0)


@pytest.mark.parametrize(("moved", "gone"), [(0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.0, 0.1)])
def test_the_rule_on_counts_tells_on_the_day_on_which_the_replay_does(moved: float, gone: float) -> None:
    rng = random.Random(7)
    reference = [rng.gauss(0, 1) for _ in range(10_000)]
    replay = FeatureWatch("amount", [(None, value) for value in reference])
    replay.begin(30)
    baseline = Baseline.of(reference)
    watches = baseline.watches(30)
    told: list[list[int]] = [[], []]
    for day in range(20):
        values = [
            None if rng.random() < gone * (day >= 5) else rng.gauss(moved if day >= 5 else 0, 1) for _ in range(1_000)
        ]
        if replay.look(values, day % 7):
            told[0].append(day)
        if baseline.look(baseline.count(values), watches):
            told[1].append(day)
    assert told[0] == told[1]
    assert bool(told[1]) == bool(moved or gone)


def test_a_month_of_thirty_features_that_do_not_change_cries_wolf_not_once() -> None:
    rng = random.Random(11)
    features = [Baseline.of(rng.gauss(0, 1) for _ in range(2_000)) for _ in range(30)]
    watches = [baseline.watches(60) for baseline in features]
    for _ in range(30):
        for baseline, each in zip(features, watches, strict=True):
            assert not baseline.look(baseline.count(rng.gauss(0, 1) for _ in range(500)), each)


def test_weights_make_nothing_surer_than_the_rows_that_were_seen() -> None:
    """A fifth of the rows stand for twenty each: most of a day's distance is chance, and it is no alarm."""
    rng = random.Random(5)
    features = [Baseline.of(drawn_or_missing(rng, 2_000)) for _ in range(20)]
    watches, sure = ([baseline.watches(40) for baseline in features] for _ in range(2))
    cried = False
    for _ in range(30):
        for baseline, each, false in zip(features, watches, sure, strict=True):
            window = baseline.count_weighed({1: drawn_or_missing(rng, 240), 20: drawn_or_missing(rng, 60)})
            assert not baseline.look(window, each)
            cried |= baseline.look(replace(window, squares={}), false)
    assert cried, "taken for so many rows, chance is an alarm"


def drawn_or_missing(rng: random.Random, count: int) -> list[float | None]:
    return [None if rng.random() < 0.03 else rng.gauss(0, 1) for _ in range(count)]


def test_rows_of_one_weight_are_as_sure_as_without_one() -> None:
    values: list[Any] = [*drawn(SHAPES["normal"], 500, 1), None]
    baseline = Baseline.of(values)
    plain, heavy = baseline.count(values[::2]), baseline.count_weighed({7: values[::2]})
    assert heavy.size("value") == pytest.approx(plain.size("value"))
    assert baseline.effect(heavy) == baseline.effect(plain)
    weighed = Baseline.of_weighed({7: values})
    assert vars(weighed.cells["value"])["edges"] == vars(baseline.cells["value"])["edges"]
    assert weighed.effect(heavy).stability == pytest.approx(baseline.effect(plain).stability)


def test_what_was_kept_before_rows_had_weights_is_read_as_rows_of_weight_one() -> None:
    values: list[Any] = [*drawn(SHAPES["normal"], 300, 1), None]
    baseline = Baseline.of(values)
    document = baseline.document
    usual = document.pop("usual")
    before = Baseline.of_document({**document, "rows": usual["rows"], "missing": usual["missing"]})
    window = baseline.count(values[::3])
    old = Window(window.rows, window.missing, window.counts)
    assert before.effect(old) == baseline.effect(window)
    assert (before.usual.size("value"), old.size(MISSING)) == (300, window.rows)
    assert (old + window).size("value") == 2 * window.size("value")


def test_chance_is_taken_off_the_stability_index() -> None:
    baseline = Baseline.of(drawn(SHAPES["normal"], 10_000, 1))
    alike = [baseline.effect(baseline.count(drawn(SHAPES["normal"], 200, seed))).stability for seed in range(2, 30)]
    apart = baseline.effect(baseline.count([value + 1 for value in drawn(SHAPES["normal"], 200, 2)])).stability
    assert sum(value or 0 for value in alike) / len(alike) < 0.03
    assert apart is not None
    assert apart > 0.5


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (0.049, Severity.NONE),
        (0.05, Severity.MINOR),
        (0.1, Severity.MODERATE),
        (0.2, Severity.MAJOR),
        (1.0, Severity.MAJOR),
    ],
)
def test_severity_is_by_the_size_of_the_effect(distance: float, said: Severity) -> None:
    assert severity_of(distance) is said
