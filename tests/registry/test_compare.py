from typing import Any

import pytest

from registry import compare
from registry.compare import Compatibility, Direction
from registry.mlmodel import parse


def side(*columns: tuple[str, str, bool]) -> list[dict[str, object]]:
    return [{"name": name, "type": kind, "required": required} for name, kind, required in columns]


BASE: dict[str, Any] = {
    "inputs": side(("a", "double", True), ("b", "long", False)),
    "outputs": side(("y", "long", True)),
}
CASES = [
    ("same", BASE, Compatibility.SAME),
    (
        "optional input added",
        {**BASE, "inputs": [*BASE["inputs"], *side(("c", "double", False))]},
        Compatibility.COMPATIBLE,
    ),
    (
        "required input added",
        {**BASE, "inputs": [*BASE["inputs"], *side(("c", "double", True))]},
        Compatibility.BREAKING,
    ),
    ("input retyped", {**BASE, "inputs": side(("a", "string", True), ("b", "long", False))}, Compatibility.BREAKING),
    (
        "input became required",
        {**BASE, "inputs": side(("a", "double", True), ("b", "long", True))},
        Compatibility.BREAKING,
    ),
    ("input no longer read", {**BASE, "inputs": side(("a", "double", True))}, Compatibility.COMPATIBLE),
    ("output gone", {**BASE, "outputs": []}, Compatibility.BREAKING),
    ("output added", {**BASE, "outputs": [*BASE["outputs"], *side(("z", "double", True))]}, Compatibility.COMPATIBLE),
    ("no signature", {}, Compatibility.UNKNOWN),
]


@pytest.mark.parametrize(("case", "after", "verdict"), CASES, ids=[case[0] for case in CASES])
def test_signatures_are_judged_by_what_callers_notice(
    case: str, after: dict[str, object], verdict: Compatibility
) -> None:
    found = compare.compare_signatures(BASE, after)
    assert found.verdict is verdict
    assert bool(found.reasons) == (verdict is not Compatibility.SAME)


@pytest.mark.parametrize(
    ("name", "before", "after", "word"),
    [
        ("accuracy", 0.9, 0.95, "better"),
        ("log_loss", 0.2, 0.3, "worse"),
        ("p95_ms", 40.0, 40.0, "same"),
        ("auc", None, 0.9, "not comparable"),
        ("auc", "NaN", 0.9, "not comparable"),
    ],
)
def test_metrics_have_a_direction(name: str, before: object, after: object, word: str) -> None:
    assert compare.compare_metrics({name: before}, {name: after})[0].word == word


def test_loss_falls_and_accuracy_rises() -> None:
    assert compare.direction_of("validation_log_loss") is Direction.LOWER
    assert compare.direction_of("validation_accuracy") is Direction.HIGHER


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"- a",
        b"\xff\xfe",
        b"a: &x 1\nb: *x",
        b"a: [" * 5000,
        b"flavors: 3\nsignature: []",
        b"!!python/object/apply:os.system ['true']",
    ],
)
def test_an_mlmodel_that_is_none_says_so_or_says_nothing(text: bytes) -> None:
    said = parse(text)
    assert said.signature == {}
    assert said.framework == ""
