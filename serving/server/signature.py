"""A model's signature: what it takes. Fits what a caller gave to it, or refuses with the place and the reason."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from serving.server import columns
from serving.server.columns import Column
from serving.server.inputs import Array, Columns, Fitted, Frame, Given, Nested, Records, Rows, Tensors
from serving.server.refusals import bad

MOST_NAMED = 20
NUMBERS = {float, int}
TEXTS = {"str", "string"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the signature says of an array; -1 stands for any length."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def words(self) -> str:
        """Type and shape, for a person."""
        return f"{self.dtype} of shape {_shape(self.shape)}"


class ColumnSignature:
    """A table's columns."""

    def __init__(self, parts: Sequence[Column]) -> None:
        self.columns = list(parts)
        self.names = [part.name for part in parts]
        self.by_name = {part.name: part for part in parts}
        kinds = {part.kind for part in parts}
        self.only = columns.REALS.get(next(iter(kinds))) if len(kinds) == 1 else None
        self.all_required = all(part.required for part in parts)

    def fit(self, given: Given) -> Frame:
        """Return the table, columns in the signature's order and of its types."""
        if isinstance(given, Rows):
            return self._rows(given)
        if isinstance(given, Records):
            return self._records(given.data)
        if isinstance(given, Columns):
            return self._columns(given.data)
        return self._nested(given.data)

    def _rows(self, given: Rows) -> Frame:
        names = self.names if given.columns is None else given.columns
        if names != self.names:
            self._check_names(names)
        _check_lengths(given.data, len(names))
        if self.only and not given.text and (frame := self._matrix(names, given.data)):
            return frame
        turned: dict[str, Sequence[Any]] = dict(zip(names, zip(*given.data, strict=True), strict=True))
        if given.text:
            turned = {name: self._read(name, words) for name, words in turned.items()}
        return self._frame(turned, len(given.data))

    def _read(self, name: str, words: Sequence[str]) -> tuple[Any, ...]:
        return tuple(columns.from_word(self.by_name[name], word) for word in words)

    def _matrix(self, names: list[str], data: list[list[Any]]) -> Frame | None:
        """Return one matrix where all values are plain numbers: the fast path."""
        flat = list(chain.from_iterable(data))
        if len(names) != len(self.names) or not set(map(type, flat)) <= NUMBERS:
            return None
        matrix = columns.real_array(flat, self.only).reshape(len(data), len(names))
        if not np.isfinite(matrix).all():
            return None
        if names != self.names:
            matrix = matrix[:, [names.index(name) for name in self.names]]
        return Frame(self.names, len(data), matrix=matrix)

    def _records(self, data: list[dict[str, Any]]) -> Frame:
        if not data:
            raise bad("There are no rows.")
        names = list(data[0]) if self.all_required else [n for n in self.names if any(n in row for row in data)]
        known = set(names)
        for row in data:
            if row.keys() != known:
                self._check_names(list(row))
        return self._rows(Rows(names, [[row.get(name) for name in names] for row in data]))

    def _columns(self, data: dict[str, Any]) -> Frame:
        self._check_names(list(data))
        listed = {name: _listed(values, self.by_name[name].kind) for name, values in data.items()}
        lengths = {name: len(values) for name, values in listed.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            said = ", ".join(f"'{name}' {length}" for name, length in list(lengths.items())[:MOST_NAMED])
            raise bad(f"Each column needs as many values as the others, and at least one; they came as: {said}.")
        return self._frame(listed, next(iter(lengths.values())))

    def _nested(self, data: Any) -> Frame:
        """Return the table of a 2-D array, columns in the signature's order."""
        if isinstance(data, np.ndarray):
            if data.ndim != 2 or data.shape[1] != len(self.names) or not data.size:  # noqa: PLR2004 - a table
                wanted = _shape((-1, len(self.names)))
                raise bad(f"A table of shape {wanted} was expected and came as {_shape(data.shape)}.")
            if self.only and data.dtype.kind in "fiu":
                matrix = columns.real_array(data, self.only)
                if np.isfinite(matrix).all():
                    return Frame(self.names, len(data), matrix=matrix)
            data = data.tolist()
        if len(self.names) == 1:
            data = [row if isinstance(row, list) else [row] for row in data]
        return self._rows(Rows(None, data))

    def _frame(self, values: dict[str, Sequence[Any]], rows: int) -> Frame:
        present = [part for part in self.columns if part.name in values]
        arrays = {part.name: columns.array_of(part, values[part.name]) for part in present}
        return Frame(list(arrays), rows, arrays=arrays)

    def _check_names(self, names: list[str]) -> None:
        """Refuse unknown, missing and repeated columns."""
        expected = f"The model expects {_listing([f'{part.name} ({part.kind})' for part in self.columns])}."
        for name in names:
            if name not in self.by_name:
                raise bad(f"Column '{name}' is not one of the model's. {expected}")
        for part in self.columns:
            if part.required and part.name not in names:
                raise bad(f"Column '{part.name}' is missing: it should be {part.words}. {expected}")
        if len(set(names)) != len(names):
            raise bad(f"A column is named twice. {expected}")


class TensorSignature:
    """Arrays with a type and a shape."""

    def __init__(self, parts: Sequence[Tensor]) -> None:
        self.tensors = list(parts)

    def fit(self, given: Given) -> Tensors:
        """Return the arrays by name."""
        if len(self.tensors) == 1 and not isinstance(given, Columns | Records):
            data = given.data
            return Tensors({self.tensors[0].name: _tensor(self.tensors[0], data)})
        return Tensors({part.name: _tensor(part, self._named(given, part)) for part in self.tensors})

    def _named(self, given: Given, part: Tensor) -> Any:
        names = [f"{tensor.name or 'the input'} ({tensor.words})" for tensor in self.tensors]
        if isinstance(given, Records) and not all(given.data[:1] or [{}]):
            raise bad(f"There are no rows. The model expects {_listing(names)}.")
        if isinstance(given, Records):
            given = Columns({name: [row.get(name) for row in given.data] for row in given.data[:1] for name in row})
        if not isinstance(given, Columns) or (part.name not in given.data and len(self.tensors) > 1):
            raise bad(f"Input '{part.name}' is missing. The model expects {_listing(names)}.")
        unknown = given.data.keys() - {tensor.name for tensor in self.tensors}
        if unknown and len(given.data) > len(self.tensors):
            raise bad(f"Input '{min(unknown)}' is not one of the model's. It expects {_listing(names)}.")
        return given.data.get(part.name, next(iter(given.data.values())))


class NoSignature:
    """A model that says nothing of its input: it gets what came."""

    def fit(self, given: Given) -> Fitted:
        """Return the table or the array as it came."""
        if isinstance(given, Nested):
            return Tensors({"": _any_array(given.data)})
        if isinstance(given, Columns):
            return Tensors({name: _any_array(values) for name, values in given.data.items()})
        if isinstance(given, Records):
            names = list(dict.fromkeys(chain.from_iterable(given.data)))
            return self._table(names, [[row.get(name) for name in names] for row in given.data])
        width = len(given.data[0]) if given.data and isinstance(given.data[0], list) else 0
        names = given.columns or [str(place) for place in range(width)]
        _check_lengths(given.data, len(names))
        data = [[columns.number_from(word) for word in row] for row in given.data] if given.text else given.data
        return self._table(names, data)

    def _table(self, names: list[str], data: list[list[Any]]) -> Frame:
        if not data or not names:
            raise bad("There are no rows." if names else "There are no columns.")
        arrays = {name: _any_array(list(values)) for name, values in zip(names, zip(*data, strict=True), strict=True)}
        return Frame(names, len(data), arrays=arrays)


Signature = ColumnSignature | TensorSignature | NoSignature


def parse(said: Any) -> Signature:
    """Return the signature an MLmodel file holds, its inputs as JSON text."""
    text = (said or {}).get("inputs")
    parts = json.loads(text) if isinstance(text, str) else None
    if not parts:
        return NoSignature()
    if parts[0].get("type") == "tensor":
        return TensorSignature([_tensor_part(part) for part in parts])
    if any(not part.get("name") for part in parts):
        parts = [{**part, "name": str(place)} for place, part in enumerate(parts)]
    return ColumnSignature(
        [columns.column_of(part, part["name"], required=part.get("required", True) is not False) for part in parts]
    )


def _tensor_part(part: dict[str, Any]) -> Tensor:
    spec = part["tensor-spec"]
    return Tensor(part.get("name") or "", str(spec["dtype"]), tuple(spec["shape"]))


def _tensor(spec: Tensor, data: Any) -> Array:
    """Return the array, if it is of the type and shape that the model expects."""
    called = f"Input '{spec.name}'" if spec.name else "The input"
    try:
        found = data if isinstance(data, np.ndarray) else np.array(data)
    except ValueError:
        raise bad(f"{called} should be {spec.words}; its lists are of unequal length.") from None
    if not _fits(found.shape, spec.shape) or not found.size:
        raise bad(f"{called} should be {spec.words} and came with shape {_shape(found.shape)}.")
    if (made := _cast(found, spec.dtype)) is None:
        raise bad(f"{called} should be {spec.words} and holds {_kind(found)}.")
    return made


def _cast(found: Array, dtype: str) -> Array | None:
    """Return the array in the type the model expects; nothing where a value cannot be of it."""
    if dtype in TEXTS:
        return found.astype(object) if all(type(value) is str for value in found.flat) else None
    wanted = np.dtype(dtype)
    if wanted.kind in "iu":
        return found.astype(wanted) if _whole(found, np.iinfo(wanted)) else None
    if wanted.kind == "f":
        made = columns.real_array(found, wanted) if found.dtype.kind in "fiu" else None
        return made if made is not None and np.isfinite(made).all() else None
    try:
        return found.astype(wanted) if found.dtype.kind in {"b": "b"}.get(wanted.kind, "OUS") else None
    except (ValueError, TypeError, OverflowError):
        return None


def _whole(found: Array, limits: "np.iinfo[Any]") -> bool:
    if found.dtype.kind not in "fiu":
        return False
    whole = found.dtype.kind in "iu" or bool(np.all(np.isfinite(found) & (found == np.trunc(found))))
    return bool(whole and limits.min <= found.min() and found.max() <= limits.max)


def _kind(found: Array) -> str:
    names = {"O": "mixed values", "U": "strings", "b": "true and false", "f": "numbers with a fraction or out of range"}
    return names.get(found.dtype.kind, f"{found.dtype}")


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(w in {-1, s} for s, w in zip(shape, wanted, strict=True))


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join("any" if part == -1 else str(part) for part in shape) + ")"


def _listing(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _check_lengths(data: list[list[Any]], length: int) -> None:
    if not data:
        raise bad("There are no rows.")
    if set(map(type, data)) == {list} and set(map(len, data)) == {length}:
        return
    for place, row in enumerate(data):
        if type(row) is not list:
            raise bad(f"Row {place + 1} should be a list of {length} values and is {columns.shown(row)}.")
        if len(row) != length:
            raise bad(f"Row {place + 1} has {len(row)} values; there are {length} columns.")


def _listed(values: Any, kind: str) -> Sequence[Any]:
    """Return a column's values: a single value is one row, and a column of one-element lists is a column."""
    if not isinstance(values, list):
        return [values]
    if kind != "array" and values and all(type(value) is list and len(value) == 1 for value in values):
        return [value[0] for value in values]
    return values


def _any_array(values: Any) -> Array:
    try:
        found = np.asarray(values)
    except ValueError:
        found = None
    if found is not None and found.dtype.kind in "fiub":
        return found
    if not isinstance(values, list):
        return np.asarray(values)
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made
