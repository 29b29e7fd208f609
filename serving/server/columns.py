"""One column of a signature: turns a list of values into an array, or says which value does not fit."""

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from serving.server.inputs import Array
from serving.server.refusals import Refused, bad

WORDS = {
    "boolean": "true or false",
    "integer": "a whole number of 32 bits",
    "long": "a whole number of 64 bits",
    "float": "a number",
    "double": "a number",
    "string": "a string",
    "binary": "bytes in base64",
    "datetime": "a date and time in ISO 8601",
    "array": "a list",
    "object": "a mapping",
    "map": "a mapping",
}
LIMITS = {"integer": np.iinfo(np.int32), "long": np.iinfo(np.int64)}
REALS = {"float": np.float32, "double": np.float64}
PLAIN: dict[str, set[type]] = {
    "boolean": {bool},
    "integer": {int},
    "long": {int},
    "float": {float, int},
    "double": {float, int},
}
TRUE, FALSE = {"true", "1"}, {"false", "0"}
LONGEST_SHOWN = 40
JSON_WORDS = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list"}


@dataclass(frozen=True, slots=True)
class Column:
    """What the signature says of a column."""

    name: str
    kind: str
    required: bool = True

    @property
    def words(self) -> str:
        """The kind, for a person."""
        return f"{self.kind} ({WORDS.get(self.kind, 'anything')})"


class Misfit(Exception):
    """This value is not of the column's kind."""


def array_of(column: Column, values: Sequence[Any]) -> Array:
    """Return the values as the model wants them; the refusal names column, row, what was expected and what came."""
    kind = column.kind
    plain = PLAIN.get(kind)
    if plain and set(map(type, values)) <= plain:
        return _numbers(column, values)
    convert = CONVERT.get(kind, _as_it_is)
    made = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        try:
            made[row] = convert(column, value)
        except Misfit:
            raise misfit(column, row, value) from None
    return _typed(kind, made)


def misfit(column: Column, row: int, value: Any) -> Refused:
    """Return the refusal for one value."""
    return bad(f"Column '{column.name}', row {row + 1}: expected {column.words} and got {shown(value)}.")


def shown(value: Any) -> str:
    """Return a value and its kind for a person, cut short."""
    if value is None or (type(value) is float and math.isnan(value)):
        return "an empty value (null or NaN)"
    text = repr(value)
    cut = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return f"{cut} ({JSON_WORDS.get(type(value), 'a mapping')})"


def from_word(column: Column, word: str) -> Any:
    """Return the value a CSV cell stands for; what cannot be read stays a word and is refused later."""
    if column.kind == "string":
        return word
    if not word:
        return None
    if column.kind == "boolean":
        return True if word.lower() in TRUE else False if word.lower() in FALSE else word
    return _number_from(word) if column.kind in PLAIN else word


def _number_from(word: str) -> Any:
    for reading in (int, float):
        try:
            return reading(word)
        except ValueError:
            continue
    return word


def _numbers(column: Column, values: Sequence[Any]) -> Array:
    """Return values whose Python types are right already."""
    if column.kind in REALS:
        return np.array(values, dtype=REALS[column.kind])
    if column.kind == "boolean":
        return np.array(values, dtype=np.bool_)
    limits = LIMITS[column.kind]
    for row, value in enumerate(values):
        if not limits.min <= value <= limits.max:
            raise misfit(column, row, value)
    return np.array(values, dtype=limits.dtype)


def _typed(kind: str, made: Array) -> Array:
    if kind in REALS:
        return made.astype(REALS[kind])
    if kind in LIMITS:
        return made.astype(LIMITS[kind].dtype)
    if kind == "boolean":
        return made.astype(np.bool_)
    return made.astype("datetime64[ns]") if kind == "datetime" else made


def _whole(column: Column, value: Any) -> Any:
    limits = LIMITS[column.kind]
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not whole or not limits.min <= value <= limits.max:
        raise Misfit
    return int(value)


def _real(_: Column, value: Any) -> Any:
    if value is None:
        return math.nan
    if type(value) not in {int, float}:
        raise Misfit
    return value


def _truth(_: Column, value: Any) -> Any:
    if type(value) is not bool:
        raise Misfit
    return value


def _string(_: Column, value: Any) -> Any:
    if value is not None and type(value) is not str:
        raise Misfit
    return value


def _bytes(_: Column, value: Any) -> Any:
    if type(value) is not str:
        raise Misfit
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Misfit from None


def _moment(_: Column, value: Any) -> Any:
    if value is None:
        return np.datetime64("NaT")
    if type(value) is not str:
        raise Misfit
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Misfit from None
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment)


def _as_it_is(column: Column, value: Any) -> Any:
    wanted: type | None = {"array": list, "object": dict, "map": dict}.get(column.kind)
    if wanted is not None and type(value) is not wanted and not (value is None and not column.required):
        raise Misfit
    return value


CONVERT: dict[str, Callable[[Column, Any], Any]] = {
    "boolean": _truth,
    "integer": _whole,
    "long": _whole,
    "float": _real,
    "double": _real,
    "string": _string,
    "binary": _bytes,
    "datetime": _moment,
}
