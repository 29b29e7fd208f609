"""Makes a file's column what the model takes: quickly where all of it fits, one by one where some of it does not."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from serving.batch.asked import Column, Unfit

Wrong = dict[int, str]  # by place in the part, why its value does not fit
TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "datetime": pa.timestamp("ns"),
}
REALS, WHOLES = frozenset({"float", "double"}), frozenset({"integer", "long"})
NEVER_EMPTY = WHOLES | {"boolean"}  # an array of these has no room for an empty value
BITS = {"integer": 32, "long": 64}
TRUE, FALSE = {"true", "1"}, {"false", "0"}
YEARS = range(1678, 2262)  # what fits into nanoseconds
LONGEST_SHOWN = 40
NOT_A_TIME = -(2**63)
EMPTY = "an empty value (null or NaN)"


def check_type(column: Column, found: pa.DataType) -> None:
    """Raise Unfit where no value of a Parquet column can be what the model takes."""
    kinds: dict[str, Callable[[pa.DataType], bool]] = {
        "boolean": pa.types.is_boolean,
        "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "datetime": lambda kind: pa.types.is_timestamp(kind) or pa.types.is_date(kind),
    }
    plain = found.value_type if pa.types.is_dictionary(found) else found
    if not pa.types.is_null(plain) and not kinds.get(column.kind, _is_number)(plain):
        raise Unfit(f"Column '{column.name}' should be {column.words} and is {found} in the file.")


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def fitted(column: Column, array: pa.Array) -> tuple[pa.Array, Wrong]:
    """Return a column's values, none of them null unless it is a text, and which of them do not fit.

    A value that does not fit is there all the same, as whatever is empty: its row goes to the rejected ones.
    """
    try:
        made = _cast(column, array)
    except pa.ArrowInvalid:
        made, wrong = _one_by_one(column, array)
    else:
        wrong = {}
    if made.null_count or column.kind in REALS:
        made = _checked(column, made, array, wrong)
    return made, wrong


def _cast(column: Column, array: pa.Array) -> pa.Array:
    """Return the column in its type; raise ArrowInvalid where a value is not of it."""
    wanted = TYPES[column.kind]
    if pa.types.is_binary(array.type):  # a column of a CSV
        array = array.cast(pa.string())
        if column.kind == "string":
            return pc.fill_null(array, "")
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if column.kind in REALS:
        return _real(array, wanted)
    if pa.types.is_timestamp(array.type) and array.type.tz:
        array = array.cast(pa.timestamp(array.type.unit))
    return array.cast(wanted)


def _real(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Return numbers; one that is too large for 32 bits is infinite."""
    if array.type == wanted:
        return array
    if not pa.types.is_floating(array.type):
        array = array.cast(pa.float64(), safe=pa.types.is_string(array.type))
    return array.cast(wanted, safe=False)


def _checked(column: Column, made: pa.Array, given: pa.Array, wrong: Wrong) -> pa.Array:
    """Note what is missing or infinite where that may not be, and return the column without nulls."""
    may_be_empty = not column.required and column.kind not in NEVER_EMPTY
    if column.kind in REALS:
        if not made.null_count and pc.all(pc.is_finite(made)).as_py():
            return made
        unfit = pc.is_inf(made) if may_be_empty else pc.invert(pc.is_finite(made))
        unfit = pc.fill_null(unfit, not may_be_empty)
    else:
        unfit = pc.is_null(made)
    if column.kind not in REALS and may_be_empty:
        return _filled(column, made)
    for place in pc.indices_nonzero(unfit).to_pylist():
        wrong.setdefault(place, misfit(column, given[place].as_py()))
    return _filled(column, made)


def _filled(column: Column, made: pa.Array) -> pa.Array:
    if column.kind == "string" or not made.null_count:
        return made
    if column.kind == "datetime":
        return pc.fill_null(made.cast(pa.int64()), NOT_A_TIME).cast(pa.timestamp("ns"))
    empty: Any = {"boolean": False, "integer": 0, "long": 0}.get(column.kind, float("nan"))
    return pc.fill_null(made, pa.scalar(empty, made.type))


def _one_by_one(column: Column, array: pa.Array) -> tuple[pa.Array, Wrong]:
    """Return what fits of a column that does not fit as a whole; the rest is null."""
    wrong: Wrong = {}
    values: list[Any] = [None] * len(array)
    for place, value in enumerate(array.to_pylist()):
        try:
            values[place] = _read(column, value)
        except (ValueError, OverflowError, TypeError):
            wrong[place] = misfit(column, value)
    return pa.array(values, TYPES[column.kind]), wrong


def _read(column: Column, value: Any) -> Any:
    """Return one value as the column wants it, None for an empty one; raise ValueError where it is not of its kind."""
    if isinstance(value, bytes):
        value = value.decode()
    if value is None or (isinstance(value, str) and not value.strip() and column.kind != "string"):
        return "" if column.kind == "string" else None
    return READ[column.kind](value, BITS.get(column.kind, 64))


def _number(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if "_" in text:
            raise ValueError(value)
        try:
            return int(text)
        except ValueError:
            return float(text)
    return float(value) if isinstance(value, Decimal) else value


def _whole(value: Any, bits: int) -> int:
    number = _number(value)
    if isinstance(number, bool) or number != int(number) or not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(value)
    return int(number)


def _truth(value: Any, _: int) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError(value)
    return word in TRUE


def _moment(value: Any, _: int) -> Any:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a day has no zone
    value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if value.year not in YEARS:
        raise ValueError(value)
    return value


READ: dict[str, Callable[[Any, int], Any]] = {
    "boolean": _truth,
    "integer": _whole,
    "long": _whole,
    "float": lambda value, _: float(_number(value)),
    "double": lambda value, _: float(_number(value)),
    "string": lambda value, _: str(value),
    "datetime": _moment,
}


def misfit(column: Column, value: Any) -> str:
    """Return why one value does not fit, for a person."""
    return f"Column '{column.name}': expected {column.words} and got {shown(value)}."


def shown(value: Any) -> str:
    """Return a value for a person, cut short."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return f"{value[:LONGEST_SHOWN]!r}, which is not UTF-8"
    if value is None or value != value:  # noqa: PLR0124 - NaN is not itself
        return EMPTY
    if value in {float("inf"), float("-inf")}:
        return "infinity"
    text = json.dumps(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def buffers(kind: str, array: pa.Array) -> list[Any]:
    """Return a column's bytes as a model reads them: one buffer; of texts their offsets, data, and which are there."""
    if kind == "string":
        return _texts(array)
    if kind == "boolean":
        array = array.cast(pa.uint8())
    return [_part(array.buffers()[1], array.offset, len(array), array.type.bit_width // 8)]


def _texts(array: pa.Array) -> list[Any]:
    offsets = _part(array.buffers()[1], array.offset, len(array) + 1, 4)
    ends = memoryview(offsets).cast("i")
    data = array.buffers()[2]
    present = array.is_valid().cast(pa.uint8()) if array.null_count else None
    said = _part(present.buffers()[1], present.offset, len(present), 1) if present else b""
    return [offsets, memoryview(data)[ends[0] : ends[-1]] if data else b"", said]


def _part(buffer: pa.Buffer, offset: int, length: int, width: int) -> memoryview:
    return memoryview(buffer).cast("B")[offset * width : (offset + length) * width]
