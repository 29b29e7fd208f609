"""Histories of models against what is true of them."""

import json
import random
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from itertools import product
from statistics import fmean
from typing import Any

import pytest

from monitoring.stats.drift import replay
from monitoring.stats.lines import BadLine, documents
from tests.monitoring.histories import Change, Line, Past, told

QUIET = {
    "as it was": Past(),
    "with other weekends": Past(weekend=0.3, days=14),
    "with a small reference": Past(reference=700, days=14),
    "with few rows": Past(a_day=60, days=30),
    "with texts and embeddings": Past(with_words=True, reference=2_000, a_day=300, days=7),
    "when labels of one kind come sooner": Past(late=(3, 0)),
    "when labels of the other kind do": Past(late=(0, 3)),
}


@pytest.mark.parametrize("name", QUIET)
def test_where_nothing_changes_nothing_is_told(name: str) -> None:
    answer = told(QUIET[name])
    assert (answer["feature_alarms"], answer["model_alarms"]) == ([], [])


@pytest.mark.soak
@pytest.mark.parametrize("name", QUIET)
def test_quiet_at_length(name: str) -> None:
    past = replace(QUIET[name], numbers=28, days=30)
    found = [told(past, seed) for seed in range(20)]
    assert sum(len(answer["feature_alarms"]) for answer in found) <= 0.002 * 30 * len(found)
    assert sum(bool(answer["model_alarms"]) for answer in found) <= 0.05 * len(found)


def test_rows_may_say_which_weekday_it_is() -> None:
    past = Past(weekend=0.5, days=14, reference=3_000)
    moved = [{**line, "day": line["day"] + 2} if "day" in line else line for line in past.lines(1)]
    told_so = [{**line, "weekday": (line["day"] - 2) % 7} if line["type"] == "row" else line for line in moved]
    assert replay(enumerate(moved, 1))["feature_alarms"]
    assert not replay(enumerate(told_so, 1))["feature_alarms"]


def setting(name: str, value: Any) -> Change:
    def change(_: random.Random, x: Line) -> None:
        x[name] = value

    return change


def shifting(name: str, by: float) -> Change:
    def change(_: random.Random, x: Line) -> None:
        x[name] += by

    return change


def lacking(name: str, rate: float) -> Change:
    def change(rng: random.Random, x: Line) -> None:
        x[name] = None if rng.random() < rate else x[name]

    return change


def turning(rng: random.Random, x: Line) -> None:
    x["vector"] = [value + 0.5 for value in x["vector"]]


def straying(rng: random.Random, x: Line) -> None:
    x["country"] = "xx" if rng.random() < 0.2 else x["country"]


def babbling(rng: random.Random, x: Line) -> None:
    x["text"] = " ".join(word if rng.random() < 0.7 else "zyx" for word in x["text"].split())


WORDY = Past(with_words=True, reference=2_000, a_day=500, days=7)
CHANGES: dict[str, tuple[Past, str, int]] = {
    "half a deviation": (Past(change=shifting("n3", 0.5)), "n3", 0),
    "a quarter of a deviation": (Past(change=shifting("n3", 0.25)), "n3", 3),
    "another unit": (Past(change=lambda _, x: x.update(n3=x["n3"] * 1000)), "n3", 0),
    "a frozen feature": (Past(change=setting("n3", 0.2)), "n3", 0),
    "missing more often": (Past(change=lacking("n3", 0.15)), "n3", 0),
    "a number that becomes a word": (Past(change=setting("n3", "0.2")), "n3", 0),
    "a new word": (Past(change=straying), "country", 0),
    "an embedding that moves": (replace(WORDY, change=turning), "vector", 0),
    "texts of other words": (replace(WORDY, change=babbling), "text", 0),
    "an embedding of another width": (replace(WORDY, change=setting("vector", [1.0])), "vector", 0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_feature_that_changes_is_named_soon_and_once_and_alone(name: str) -> None:
    past, feature, days = CHANGES[name]
    alarms = told(past)["feature_alarms"]
    assert [alarm["feature"] for alarm in alarms] == [feature]
    assert past.since <= alarms[0]["day"] <= past.since + days


def test_scores_that_move_are_an_alarm_of_the_models_data() -> None:
    kinds = [alarm["kind"] for alarm in told(Past(change=shifting("n0", -0.5)))["model_alarms"]]
    assert "data" in kinds


@pytest.mark.parametrize(("late", "days"), [((0, 0), 0), ((1, 1), 1), ((3, 0), 4)])
def test_labels_tell_when_scores_mean_something_else(late: tuple[int, int], days: int) -> None:
    past = Past(flipped=0.15, late=late)
    alarms = told(past)["model_alarms"]
    assert [alarm["kind"] for alarm in alarms] == ["performance"]
    assert past.since <= alarms[0]["day"] <= past.since + days


def realised(lines: list[Line]) -> dict[int, float]:
    labels = {line["prediction_id"]: line["label"] for line in lines if line["type"] == "label"}
    right: dict[int, list[bool]] = defaultdict(list)
    for line in lines:
        if line["type"] == "row":
            right[line["day"]].append(line["prediction"] == labels[line["prediction_id"]])
    return {day: fmean(found) for day, found in right.items()}


def test_accuracy_is_estimated_without_labels_while_inputs_move() -> None:
    past = Past(a_day=2_000, change=shifting("n0", 1.5))
    lines = list(past.lines(3))
    truth = realised(lines)
    unlabelled = [line for line in lines if line["type"] != "label"]
    found = replay(enumerate(unlabelled, 1))
    assert found["est_accuracy"].keys() == {str(day) for day in truth}
    assert fmean(abs(found["est_accuracy"][str(day)] - truth[day]) for day in truth) <= 0.02 + 0.4 / 2_000**0.5
    assert found["accuracy"] == {"3": None}


META: Line = {"type": "meta"}


def row(name: str, **more: Any) -> Line:
    told = {"type": "row", "day": 1, "prediction_id": name, "version": "1", "x": {}, "score": 0.7, "prediction": 1}
    return {**told, **more}


def label(name: str, value: Any, day: int = 1) -> Line:
    return {"type": "label", "day": day, "prediction_id": name, "label": value}


def answer(*lines: Line) -> dict[str, Any]:
    return replay(enumerate([META, *lines], 1))


@pytest.mark.parametrize(
    ("lines", "accuracy"),
    [
        ([row("a"), label("a", 1)], 1.0),
        ([row("a"), label("a", 1), label("a", 0, 9)], 0.0),
        ([label("a", 0, 0), label("a", 1, 0), row("a")], 1.0),
        ([row("a"), label("b", 0)], None),
        ([row("a"), row("a", prediction=0), label("a", 1)], 1.0),
        ([row("a", prediction=None), label("a", 1)], 1.0),
        ([row("a", prediction="cat"), label("a", "cat")], 1.0),
        ([row("a"), row("b", day=5), row("c", day=2), label("c", 0, 6), label("a", 1, 6)], 0.5),
        ([row("a"), label("a", None)], None),
    ],
)
def test_a_prediction_has_its_latest_label_whenever_it_came(lines: list[Line], accuracy: float | None) -> None:
    assert answer(*lines)["accuracy"] == {"1": accuracy}


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    rng = random.Random(5)
    scored = [(round(rng.random(), 1), int(rng.random() < 0.4)) for _ in range(200)]
    rows = [row(f"{place}", score=score) for place, (score, _) in enumerate(scored)]
    labels = [label(f"{place}", y) for place, (_, y) in enumerate(scored)]
    pairs = list(product((score for score, y in scored if y), (score for score, y in scored if not y)))
    truth = fmean(1.0 if high > low else 0.5 if high == low else 0.0 for high, low in pairs)
    assert answer(*rows, *labels)["auc"]["1"] == pytest.approx(truth, abs=1e-9)
    assert answer(row("a"), label("a", 1))["auc"] == {"1": None}


def gained(rng: random.Random, units: int, effect: float, share: float = 0.5) -> list[Line]:
    lines = []
    for unit in range(units):
        version = "2" if rng.random() < share else "1"
        pre = rng.gauss(10.0, 2.0)
        post = pre + rng.gauss(0.0, 1.0) + (effect if version == "2" else 0.0)
        lines.append({"type": "kpi", "unit": f"u{unit}", "version": version, "pre": pre, "post": post})
    return lines


@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_the_uplift_is_inside_its_interval_which_is_narrower_for_what_was_known_before(effect: float) -> None:
    found = [answer(*gained(random.Random(seed), 600, effect))["uplift"] for seed in range(40)]
    assert sum(told["lo"] <= effect <= told["hi"] for told in found) >= 0.9 * len(found)
    assert all(
        told["sequence"]["lo"] < told["lo"] < told["est"] < told["hi"] < told["sequence"]["hi"] for told in found
    )
    naive = 2 * 1.96 * (2 * 5.0 / 300) ** 0.5
    assert fmean(told["hi"] - told["lo"] for told in found) <= 0.75 * naive


@pytest.mark.parametrize(
    ("share", "meta", "is_claimed"),
    [(0.5, {}, True), (0.1, {}, True), (0.42, {}, False), (0.1, {"planned_share": 0.5}, False)],
)
def test_nothing_is_claimed_where_units_are_not_divided_as_planned(
    share: float, meta: Line, *, is_claimed: bool
) -> None:
    lines = gained(random.Random(2), 2_000, 0.5, share)
    found = replay(enumerate([{**META, **meta}, *lines], 1))["uplift"]
    assert (found["est"] is not None) is is_claimed
    assert bool(found["why_not"]) is not is_claimed


@pytest.mark.parametrize("versions", [("1", "2"), ("v9", "v10"), ("stable", "canary"), ("control", "a")])
def test_the_uplift_is_the_newer_versions(versions: tuple[str, str]) -> None:
    named = dict(zip(("1", "2"), versions, strict=True))
    lines = [{**line, "version": named[line["version"]]} for line in gained(random.Random(2), 400, 3.0)]
    assert answer(*lines)["uplift"]["est"] > 2.0


def test_a_unit_counts_once_and_a_missing_number_before_is_usual() -> None:
    lines = gained(random.Random(2), 400, 1.0)
    again = [{**line, "post": 1e6} for line in lines]
    assert answer(*lines, *again)["uplift"] == answer(*lines)["uplift"]
    assert answer(*[{**line, "pre": None} for line in lines])["uplift"]["est"] == pytest.approx(1.0, abs=1.0)


REF: Line = {"type": "ref", "x": {"a": 1.0}, "label": 1, "score": 0.5, "weekday": 3}
BAD: list[tuple[str, list[str | Line], str]] = [
    ("no line at all", [], "line 1: expected a line of type meta"),
    ("no meta", [REF], "line 1: the first line should be of type meta"),
    ("no JSON", [META, "{"], "line 2: not JSON"),
    ("another type", [META, {"type": "req"}], "line 2: type should be one of ref, row, label, kpi and is 'req'"),
    ("a late reference", [META, row("a"), REF], "line 3: a line of the reference should come before"),
    ("no features", [META, {"type": "ref"}], "line 2: x is missing"),
    ("features in a list", [META, {**REF, "x": [1]}], "line 2: x should be an object"),
    ("an eighth weekday", [META, {**REF, "weekday": 7}], "line 2: weekday should be from 0 to 6"),
    ("no day", [META, {"type": "label", "prediction_id": "a", "label": 1}], "line 2: day is missing"),
    ("half a day", [META, row("a", day=1.5)], "line 2: day should be a whole number or a date"),
    ("no such day", [META, row("a", day="yesterday")], "line 2: day should be a whole number or a date"),
    ("a number after a date", [META, row("a", day="2026-11-24"), row("b")], "line 3: day should be a date as before"),
    ("a score in words", [META, row("a", score="high")], "line 2: score should be a number"),
    ("a label of nothing", [META, {"type": "label", "day": 1, "label": 1}], "line 2: prediction_id is missing"),
    ("no label", [META, {"type": "label", "day": 1, "prediction_id": "a"}], "line 2: label is missing"),
    ("a gain of nobody", [META, {"type": "kpi", "post": 1}], "line 2: version is missing"),
]


@pytest.mark.parametrize(("lines", "why"), [pytest.param(lines, why, id=name) for name, lines, why in BAD])
def test_a_bad_line_is_named_by_its_number(lines: list[str | Line], why: str) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    with pytest.raises(BadLine) as said:
        replay(documents(texts))
    assert str(said.value).startswith(why)


def test_the_command_prints_one_object() -> None:
    lines = [META, {**REF, "x": {"a": None, "b": {"deep": [1]}}}, row("a", x={"b": True}), label("a", 1)]
    log = "".join(f"{json.dumps(line)}\n" for line in lines)
    words = [sys.executable, "-m", "monitoring.stats.drift"]
    done = subprocess.run(words, input=log, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["accuracy"] == {"1": 1.0}
