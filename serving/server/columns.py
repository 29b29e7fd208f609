"""One column of a signature: turns a list of values into an array, or says which value does not fit."""

import base64
import math
from collections.abc import Callable, Iterable, Sequence
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
    "float": "a number of 32 bits",
    "double": "a number",
    "string": "a string",
    "binary": "bytes in base64",
    "datetime": "a date and time in ISO 8601, from 1678 to 2261",
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
NEVER_EMPTY = {"boolean", "integer", "long"}  # an array of these has no room for an empty value
EMPTY: dict[str, Any] = {"float": math.nan, "double": math.nan, "datetime": np.datetime64("NaT")}
TRUE, FALSE = {"true", "1"}, {"false", "0"}
YEARS = range(1678, 2262)  # what fits into nanoseconds
LONGEST_SHOWN = 40
JSON_WORDS = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list"}


@dataclass(frozen=True, slots=True)
class Column:
    """What the signature says of a column, and of what is inside it: values of a list or map, or properties."""

    name: str
    kind: str
    required: bool = True
    inside: tuple["Column", ...] = ()

    @property
    def words(self) -> str:
        """The kind, for a person."""
        said = WORDS.get(self.kind, "anything")
        if self.kind == "object":
            said = f"{said} of {', '.join(f'{part.name}: {part.kind}' for part in self.inside)}"
        elif self.inside:
            said = f"{said} of {self.inside[0].kind}"
        return f"{self.kind} ({said})"


def column_of(said: dict[str, Any], name: str, *, required: bool) -> Column:
    """Return the column that a signature's JSON describes."""
    kind = str(said["type"])
    if kind == "object":
        parts = said.get("properties", {}).items()
        inside = [column_of(part, own, required=part.get("required", True) is not False) for own, part in parts]
    else:
        part = said.get({"array": "items", "map": "values"}.get(kind, ""))
        inside = [column_of(part, name, required=required)] if part else []
    return Column(name, kind, required, tuple(inside))


class Misfit(Exception):
    """This value is not of the column's kind."""


def array_of(column: Column, values: Sequence[Any]) -> Array:
    """Return the values as the model wants them; the refusal names column, row, what was expected and what came."""
    kind = column.kind
    plain = PLAIN.get(kind)
    if plain and set(map(type, values)) <= plain:
        return _numbers(column, values)
    made = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        try:
            made[row] = _converted(column, value, required=column.required or kind in NEVER_EMPTY)
        except Misfit:
            raise misfit(column, row, value) from None
    return _reals(column, values, made) if kind in REALS else _typed(kind, made)


def misfit(column: Column, row: int, value: Any) -> Refused:
    """Return the refusal for one value."""
    return bad(f"Column '{column.name}', row {row + 1}: expected {column.words} and got {shown(value)}.")


def shown(value: Any) -> str:
    """Return a value and its kind for a person, cut short."""
    if value is None or (type(value) is float and math.isnan(value)):
        return "an empty value (null or NaN)"
    if type(value) is float and math.isinf(value):
        return "infinity"
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
    if column.kind in REALS:
        return number_from(word, float)
    return number_from(word) if column.kind in LIMITS else word


def number_from(word: str, *readings: Callable[[str], Any]) -> Any:
    """Return the number a word stands for; the word where it stands for none."""
    for reading in readings or (_long, float):
        try:
            return reading(word)
        except ValueError:
            continue
    return word


def _long(word: str) -> int:
    value = int(word)
    if not LIMITS["long"].min <= value <= LIMITS["long"].max:
        raise ValueError(word)
    return value


def _numbers(column: Column, values: Sequence[Any]) -> Array:
    """Return values whose Python types are right already."""
    if column.kind in REALS:
        return _reals(column, values, values)
    if column.kind == "boolean":
        return np.array(values, dtype=np.bool_)
    limits = LIMITS[column.kind]
    for row, value in enumerate(values):
        if not limits.min <= value <= limits.max:
            raise misfit(column, row, value)
    return np.array(values, dtype=limits.dtype)


def _reals(column: Column, values: Sequence[Any], made: Any) -> Array:
    """Return numbers with a fraction; none is infinite, and where the column is required none is missing."""
    array = real_array(made, REALS[column.kind])
    wrong = ~np.isfinite(array) if column.required else np.isinf(array)
    if wrong.any():
        row = int(wrong.argmax())
        raise misfit(column, row, values[row])
    return array


def real_array(values: Any, dtype: Any) -> Array:
    """Return an array of this type; what is too large for it is infinite."""
    with np.errstate(over="ignore"):
        return np.array(values, dtype=dtype)


def _typed(kind: str, made: Array) -> Array:
    if kind in LIMITS:
        return made.astype(LIMITS[kind].dtype)
    if kind == "boolean":
        return made.astype(np.bool_)
    return made.astype("datetime64[ns]") if kind == "datetime" else made


def _converted(column: Column, value: Any, *, required: bool) -> Any:
    """Return the value as the model gets it."""
    if value is not None:
        return CONVERT.get(column.kind, _as_it_is)(column, value)
    if required:
        raise Misfit
    return EMPTY.get(column.kind)


def _whole(column: Column, value: Any) -> Any:
    limits = LIMITS[column.kind]
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not whole or not limits.min <= value <= limits.max:
        raise Misfit
    return int(value)


def _real(_: Column, value: Any) -> Any:
    if type(value) not in {int, float}:
        raise Misfit
    return value


def _truth(_: Column, value: Any) -> Any:
    if type(value) is not bool:
        raise Misfit
    return value


def _string(_: Column, value: Any) -> Any:
    if type(value) is not str:
        raise Misfit
    return value


def _bytes(_: Column, value: Any) -> Any:
    if type(value) is not str:
        raise Misfit
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise Misfit from None


def _moment(_: Column, value: Any) -> Any:
    if type(value) is not str:
        raise Misfit
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise Misfit from None
    if moment.year not in YEARS:
        raise Misfit
    return np.datetime64(moment)


def _list(column: Column, value: Any) -> Any:
    if type(value) is not list:
        raise Misfit
    _check_each(column, value)
    return value


def _map(column: Column, value: Any) -> Any:
    if type(value) is not dict:
        raise Misfit
    _check_each(column, value.values())
    return value


def _check_each(column: Column, values: Iterable[Any]) -> None:
    for part in column.inside:
        for value in values:
            _converted(part, value, required=part.required)


def _object(column: Column, value: Any) -> Any:
    if type(value) is not dict or value.keys() - {part.name for part in column.inside}:
        raise Misfit
    for part in column.inside:
        if part.required or part.name in value:
            _converted(part, value.get(part.name), required=part.required)
    return value


def _as_it_is(_: Column, value: Any) -> Any:
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
    "array": _list,
    "map": _map,
    "object": _object,
}
