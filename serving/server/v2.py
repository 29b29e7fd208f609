"""The Open Inference Protocol, version 2: tensors in, tensors out."""

from itertools import chain
from typing import Any

import numpy as np

from serving.server import forms
from serving.server.inputs import Array, Columns, Given, Nested, Table
from serving.server.refusals import bad
from serving.server.signature import ColumnSignature, Signature, TensorSignature

DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
    "BYTES": object,
}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items() if dtype is not object}
OF_KIND = {"boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64"}
PLAIN: dict[str, set[type]] = {
    "BOOL": {bool},
    "BYTES": {str},
    "FP16": {int, float},
    "FP32": {int, float},
    "FP64": {int, float},
}
TABLE = 2


def read(body: bytes, signature: Signature) -> tuple[Given, str | None]:
    """Return what the caller gave and the id it chose."""
    said = forms.json_of(body)
    inputs = said.get("inputs") if isinstance(said, dict) else None
    if not isinstance(inputs, list) or not inputs or not all(type(part) is dict for part in inputs):
        raise bad("The body should hold 'inputs', a list of tensors with name, shape, datatype and data.")
    chosen = said.get("id")
    arrays = {_text(part, "name"): _array(part) for part in inputs}
    if len(arrays) != len(inputs):
        raise bad("Two inputs have the same name.")
    return _given(arrays, signature), chosen if type(chosen) is str else None


def _given(arrays: dict[str, Array], signature: Signature) -> Given:
    """Return the tensors as columns, or as one table where a single tensor holds all of them."""
    if len(arrays) == 1 and not isinstance(signature, TensorSignature):
        name, array = next(iter(arrays.items()))
        named = isinstance(signature, ColumnSignature) and name in signature.by_name
        if array.ndim == TABLE and (array.shape[1] > 1 or not named):
            return Nested(array)
    if isinstance(signature, ColumnSignature):
        return Columns({name: array.tolist() for name, array in arrays.items()})
    return Columns(arrays)


def _array(part: dict[str, Any]) -> Array:
    name, datatype = _text(part, "name"), _text(part, "datatype")
    shape, data = part.get("shape"), part.get("data")
    if datatype not in DTYPES:
        raise bad(f"Input '{name}': datatype {datatype[:20]!r} is not one of {', '.join(DTYPES)}.")
    if not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
        raise bad(f"Input '{name}': shape should be a list of whole numbers from 1.")
    if not isinstance(data, list):
        raise bad(f"Input '{name}': data should be a list; binary data is not taken.")
    flat = _flat(data)
    if not set(map(type, flat)) <= PLAIN.get(datatype, {int}):
        wrong = next(value for value in flat if type(value) not in PLAIN.get(datatype, {int}))
        raise bad(f"Input '{name}' is said to be {datatype} and holds {str(wrong)[:40]!r}.")
    return _shaped(name, flat, datatype, shape)


def _shaped(name: str, flat: list[Any], datatype: str, shape: list[int]) -> Array:
    try:
        array = np.array(flat, dtype=DTYPES[datatype])
    except (OverflowError, ValueError):
        raise bad(f"Input '{name}' holds a number that is not a {datatype}.") from None
    try:
        return array.reshape(shape)
    except (OverflowError, ValueError):
        raise bad(f"Input '{name}': {len(flat)} values do not make shape {shape}.") from None


def _flat(data: list[Any]) -> list[Any]:
    while data and all(type(part) is list for part in data):
        data = list(chain.from_iterable(data))
    return data


def _text(part: dict[str, Any], name: str) -> str:
    value = part.get(name)
    if type(value) is not str:
        raise bad(f"Each input needs a {name!r}, a string.")
    return value


def outputs(answer: Any) -> list[dict[str, Any]]:
    """Return a model's answer as tensors: one for each column of a table, else one called `predictions`."""
    if isinstance(answer, Table):
        return [_output(name, array) for name, array in answer.columns.items()]
    if isinstance(answer, dict):
        return [_output(str(name), array) for name, array in answer.items()]
    return [_output("predictions", answer)]


def _output(name: str, values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    datatype = NAMES.get(array.dtype, "BYTES")
    flat = np.ascontiguousarray(array).ravel()
    data = flat if datatype not in {"BYTES", "FP16"} else flat.tolist()
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": data}


def described(signature: Signature) -> list[dict[str, Any]]:
    """Return the inputs as the metadata lists them."""
    if isinstance(signature, ColumnSignature):
        return [
            {"name": part.name, "datatype": OF_KIND.get(part.kind, "BYTES"), "shape": [-1]}
            for part in signature.columns
        ]
    if isinstance(signature, TensorSignature):
        return [
            {"name": part.name or "input", "datatype": _datatype(part.dtype), "shape": list(part.shape)}
            for part in signature.tensors
        ]
    return []


def _datatype(dtype: str) -> str:
    try:
        return NAMES.get(np.dtype(dtype), "BYTES")
    except TypeError:
        return "BYTES"
