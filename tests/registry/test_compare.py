from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    falling = (
        "false_positive_rate false_negative_rate miss_rate perplexity val_wer cer cost deviance toxicity/mean bias fpr"
    )
    assert {compare.known_direction(name) for name in falling.split()} == {Direction.LOWER}
    rising = "true_positive_rate test_f1 roc_auc neg_log_loss neg_mean_squared_error certainty_score val_r2 recall@5"
    assert {compare.known_direction(name) for name in rising.split()} == {Direction.HIGHER}
    assert compare.known_direction("zest") is None


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


kinds = st.sampled_from(["long", "double", "string"])
columns = st.dictionaries(st.sampled_from("abcd"), st.tuples(kinds, st.booleans())).map(
    lambda said: side(*((name, *rest) for name, rest in said.items()))
)
signatures = st.fixed_dictionaries({"inputs": columns, "outputs": columns})


@given(signatures)
def test_a_signature_is_the_same_as_itself(signature: dict[str, Any]) -> None:
    assert compare.compare_signatures(signature, signature) == compare.SignatureDifference(Compatibility.SAME, [])


@given(signatures, signatures)
def test_a_signature_that_is_not_breaking_serves_the_callers_of_the_old(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    """A caller sends what the old one required (and may send what it allowed), and reads all that it gave."""
    had = {side: {column["name"]: column for column in old[side]} for side in ("inputs", "outputs")}
    breaks = any(
        column["required"] if column["name"] not in had["inputs"] else
        column["type"] != had["inputs"][column["name"]]["type"]
        or (column["required"] and not had["inputs"][column["name"]]["required"])
        for column in new["inputs"]
    )  # fmt: skip
    now = {column["name"]: column["type"] for column in new["outputs"]}
    breaks = breaks or any(now.get(name) != column["type"] for name, column in had["outputs"].items())
    found = compare.compare_signatures(old, new)
    assert (found.verdict is Compatibility.BREAKING) == breaks
    changed = {column["name"] for s in ("inputs", "outputs") for column in [*old[s], *new[s]]}
    assert all(any(f" {name}" in reason for name in changed) for reason in found.reasons)
