"""Whatever a caller sends is fitted to the signature or refused with a sentence: nothing else comes of reading it."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.rig import ROOT, Home

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
JSON, CSV, V2 = "application/json", "text/csv", "v2"
DATATYPES = ["BOOL", "INT8", "INT64", "UINT8", "UINT64", "FP16", "FP32", "FP64", "BYTES", "FP8"]

KINDS = ["boolean", "integer", "long", "float", "double", "string", "binary", "datetime", "any"]
NESTED: list[dict[str, Any]] = [
    {"type": "array", "items": {"type": "double"}},
    {"type": "map", "values": {"type": "long"}},
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "boolean", "required": False}}},
]
TENSORS = [("float32", [-1, 3]), ("float64", [-1]), ("int32", [-1, 2]), ("bool", [-1]), ("str", [-1]), ("object", [-1])]


def columns(*parts: dict[str, Any], required: bool = True) -> Any:
    named = [{**part, "name": f"c{place}", "required": required} for place, part in enumerate(parts)]
    return {"inputs": json.dumps(named)}


def tensors(*parts: tuple[str, list[int]]) -> Any:
    said = [
        {"name": f"c{place}", "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}
        for place, (dtype, shape) in enumerate(parts)
    ]
    return {"inputs": json.dumps(said)}


SIGNATURES = [
    *(columns(part, required=required) for part in NESTED for required in (True, False)),
    *(columns({"type": kind}, {"type": kind}, required=required) for kind in KINDS for required in (True, False)),
    columns(*({"type": kind} for kind in KINDS)),
    *(tensors(part) for part in TENSORS),
    tensors(*TENSORS[:2]),
    None,
]
ODD = ["", "nan", "-inf", "1e999", "9" * 400, "0001-01-01T00:00+23:59", "9999-12-31T23:59-23:59", "AA==", "\u00e9", "a"]
VALUES: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(ODD),
    st.text(max_size=3),
)
THINGS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=6
)
NAMES = st.sampled_from(["c0", "c1", "c2", "other"])
ROWS = st.lists(st.lists(THINGS, max_size=3), max_size=3)
BODIES = st.one_of(
    st.builds(lambda names, rows: {"dataframe_split": {"columns": names, "data": rows}}, st.lists(NAMES), ROWS),
    st.builds(lambda rows: {"dataframe_split": {"data": rows}}, ROWS | THINGS),
    st.builds(lambda rows: {"dataframe_records": rows}, st.lists(st.dictionaries(NAMES, THINGS), max_size=3)),
    st.builds(lambda form, said: {form: said}, st.sampled_from(FORMS), THINGS),
    st.builds(lambda said: {"instances": said}, ROWS),
    st.builds(lambda said: {"inputs": said}, st.dictionaries(NAMES, THINGS | st.lists(THINGS, max_size=3))),
    THINGS,
)
SIZES = st.lists(st.sampled_from([-1, 0, 1, 2, 3, 6, 2**40, 2**70]) | THINGS, max_size=3)
TENSOR = st.fixed_dictionaries(
    {"name": NAMES | THINGS, "shape": SIZES, "datatype": st.sampled_from(DATATYPES), "data": THINGS | ROWS}
)
PLAIN_TENSOR = st.builds(
    lambda name, datatype, data: {"name": name, "shape": [len(data)], "datatype": datatype, "data": data},
    NAMES,
    st.sampled_from(DATATYPES),
    st.lists(VALUES, max_size=3),
)
MANY = settings(max_examples=300, deadline=None)


class Fitting:
    """Reads and fits in a model's environment; the web side's has no arrays."""

    def __init__(self, python: Path) -> None:
        script = Path(__file__).with_name("fit_lines.py")
        self.process = subprocess.Popen(
            [python, script],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __call__(self, signature: Any, body: Any, kind: str = JSON) -> dict[str, Any]:
        """Return what came of one body: it fits, or it is a 400 with a sentence."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked = {"signature": signature, "body": base64.b64encode(sent).decode(), "kind": kind}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "fault" not in said, said["fault"]
        if "refused" in said:
            assert (said["status"], bool(said["refused"])) == (400, True)
        else:
            assert said["rows"] >= 1
            assert not said["infinite"] or signature is None
        return said


@pytest.fixture(scope="module")
def fit(home: Home, onnx_folder: Path) -> Iterator[Fitting]:
    fitting = Fitting(home.layout.environment(home.environment(onnx_folder)) / "bin" / "python")
    yield fitting
    fitting.process.communicate(timeout=10)


@MANY
@given(signature=st.sampled_from(SIGNATURES), body=BODIES)
def test_any_json_is_fitted_or_refused(fit: Fitting, signature: Any, body: Any) -> None:
    fit(signature, body)


@MANY
@given(signature=st.sampled_from(SIGNATURES), lines=st.lists(st.lists(NAMES | st.sampled_from(ODD), min_size=1)))
def test_any_csv_is_fitted_or_refused(fit: Fitting, signature: Any, lines: list[list[str]]) -> None:
    fit(signature, "\n".join(",".join(line) for line in [["c0", "c1"], *lines]).encode(), CSV)


@MANY
@given(signature=st.sampled_from(SIGNATURES), inputs=st.lists(TENSOR | PLAIN_TENSOR, max_size=3))
def test_any_tensors_are_fitted_or_refused(fit: Fitting, signature: Any, inputs: list[Any]) -> None:
    fit(signature, {"inputs": inputs}, V2)


@MANY
@given(signature=st.sampled_from(SIGNATURES), body=st.binary(max_size=40), kind=st.sampled_from([JSON, CSV, V2]))
def test_any_bytes_are_fitted_or_refused(fit: Fitting, signature: Any, body: bytes, kind: str) -> None:
    fit(signature, body, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["c0"], "data": [[None]]}},
        {"dataframe_records": [{"c0": None}]},
        {"instances": [{"c0": None}]},
        {"instances": [[None]]},
        {"inputs": {"c0": [None]}},
        {"inputs": {"c0": None}},
    ],
)
def test_an_empty_value_in_a_required_column_is_refused_by_name(fit: Fitting, kind: str, body: Any) -> None:
    said = fit(columns({"type": kind}), body)["refused"]
    assert said.startswith(f"Column 'c0', row 1: expected {kind}")
    assert said.endswith("got an empty value (null or NaN).")


def test_an_empty_cell_of_a_csv_is_refused_too(fit: Fitting) -> None:
    said = fit(columns({"type": "double"}, {"type": "string"}), b"c0,c1\n1,a\n,b\n", CSV)["refused"]
    assert said == "Column 'c0', row 2: expected double (a number) and got an empty value (null or NaN)."


@pytest.mark.parametrize(
    ("part", "value", "fits"),
    [
        (NESTED[0], [1, 2.5], True),
        (NESTED[0], [], True),
        (NESTED[0], [1, "2"], False),
        (NESTED[0], [None], False),
        (NESTED[0], {"a": 1}, False),
        (NESTED[1], {"any": 1}, True),
        (NESTED[1], {"any": 1.5}, False),
        (NESTED[2], {"a": "x"}, True),
        (NESTED[2], {"a": "x", "b": None}, True),
        (NESTED[2], {"b": True}, False),
        (NESTED[2], {"a": "x", "c": 1}, False),
        ({"type": "datetime"}, "1500-01-01", False),
        ({"type": "datetime"}, "2026-01-01T10:00+02:00", True),
        ({"type": "binary"}, "\u00e9", False),
        ({"type": "float"}, 1e300, False),
    ],
)
def test_what_is_inside_a_value_is_checked_too(fit: Fitting, part: dict[str, Any], value: Any, *, fits: bool) -> None:
    assert ("rows" in fit(columns(part), {"dataframe_records": [{"c0": value}]})) is fits


def test_an_optional_number_may_be_missing_and_is_never_infinite(fit: Fitting) -> None:
    number = columns({"type": "double"}, required=False)
    assert fit(number, b"c0\nnan\n1\n", CSV)["arrays"] == {"c0": [None, 1.0]}
    said = fit(number, b"c0\n1\ninf\n", CSV)["refused"]
    assert said == "Column 'c0', row 2: expected double (a number) and got infinity."
