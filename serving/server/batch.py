"""Answers parts of a file on pipes: a model in its own environment and sandbox, without HTTP and without a socket.

Frames come on the standard input and leave on the standard output; what the model itself prints goes to the errors.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from serving import frames
from serving.server import joining, models, refusals
from serving.server.columns import REALS
from serving.server.features import ROWS as SAMPLED
from serving.server.features import Sampler
from serving.server.inputs import Array, Fitted, Frame, Table, Tensors
from serving.server.models import Model
from serving.server.refusals import Refused

BROKEN = 3
DTYPES = {"boolean": np.bool_, "integer": np.int32, "long": np.int64, "float": np.float32, "double": np.float64}
PLAIN = "biuf"
WIDE = 2  # dimensions of an answer with several values a row
MOST_COLUMNS = 1_000
REASON = 200  # characters
EARLY, MOMENTS, MOMENTS_LATER = 8, 20, 4  # parts that tell more; samples of each of them, and of the later ones
MOST_FAILED = 1_000  # rows of a part that are tried one by one; where more fail, so does the part's rest
OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipes that frames come and leave on; what is read and printed from now on is neither."""
    given, said = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return given, said


class Fitter:
    """Makes what the model is given of a part's buffers; each was checked against the signature already."""

    def __init__(self, setup: dict[str, Any], tensor: str) -> None:
        self.columns: list[list[str]] = setup["columns"]  # name and kind
        self.dtype, self.width, self.tensor = setup["dtype"], setup["width"], tensor
        kinds = {kind for _, kind in self.columns}
        self.only = REALS.get(next(iter(kinds))) if len(kinds) == 1 else None

    def fit(self, rows: int, buffers: list[memoryview]) -> Fitted:
        """Return the part."""
        if self.width:
            return Tensors({self.tensor: _matrix(rows, buffers, np.dtype(self.dtype))})
        names = [name for name, _ in self.columns]
        if self.only:
            return Frame(names, rows, matrix=_matrix(rows, buffers, self.only))
        left = iter(buffers)
        return Frame(names, rows, arrays={name: _array(kind, left) for name, kind in self.columns})


def _matrix(rows: int, buffers: list[memoryview], dtype: Any) -> Array:
    made = np.empty((rows, len(buffers)), dtype=dtype)
    for place, buffer in enumerate(buffers):
        made[:, place] = np.frombuffer(buffer, dtype=dtype)
    return made


def _array(kind: str, left: Iterator[memoryview]) -> Array:
    if kind == "string":
        return _texts(next(left), next(left), next(left))
    if kind == "datetime":
        return np.frombuffer(next(left), dtype="datetime64[ns]")
    return np.frombuffer(next(left), dtype=DTYPES[kind])


def _texts(offsets: memoryview, data: memoryview, present: memoryview) -> Array:
    """Return texts; None where one is absent. `present` is empty where all are there."""
    ends = np.frombuffer(offsets, dtype=np.int32)
    first, whole = int(ends[0]), bytes(data)
    made = np.empty(len(ends) - 1, dtype=object)
    for place in range(len(made)):
        made[place] = whole[ends[place] - first : ends[place + 1] - first].decode()
    if len(present):
        made[np.frombuffer(present, dtype=np.uint8) == 0] = None
    return made


Answer = dict[str, Array]
Failed = list[list[Any]]  # the place of a row in its part, and why


def answer(model: Model, given: Fitted) -> tuple[Answer, Failed]:
    """Return what the model says to each row that it can answer, by column; and those that it cannot, with the reason.

    Where it fails at a part, halves of it are tried until the rows at fault stand alone.
    """
    said: list[Answer] = []
    failed: Failed = []
    _try(model, given, 0, said, failed)
    if not said:
        return {}, failed
    names = list(said[0])
    if any(list(one) != names for one in said):
        raise Refused(500, "INTERNAL", "The model answers some rows in other columns than the rest.")
    return {name: np.concatenate([one[name] for one in said]) if said[1:] else said[0][name] for name in names}, failed


def _try(model: Model, given: Fitted, first: int, said: list[Answer], failed: Failed) -> None:
    rows = given.rows
    try:
        said.append(by_column(model.predict(given), rows))
    except MemoryError:
        raise
    except Exception as why:  # noqa: BLE001 - a model may raise anything
        if rows == 1 or len(failed) >= MOST_FAILED:
            failed.extend([first + place, _reason(why)] for place in range(rows))
            return
        half = rows // 2
        _try(model, joining.part_of(given, slice(0, half)), first, said, failed)
        _try(model, joining.part_of(given, slice(half, rows)), first + half, said, failed)


def _reason(why: Exception) -> str:
    text = why.message if isinstance(why, Refused) else f"{type(why).__name__}: {why}"
    return f"The model cannot answer it: {' '.join(text.split())}"[:REASON]


def by_column(answered: Any, rows: int) -> Answer:
    """Return an answer as columns of one value a row; raise Refused for one that is not row by row."""
    if isinstance(answered, Table | dict):
        parts = answered.columns if isinstance(answered, Table) else answered
        found = {name: part for key, value in parts.items() for name, part in _columns(str(key), value, rows).items()}
    else:
        found = _columns("prediction", answered, rows)
    if not 0 < len(found) <= MOST_COLUMNS:
        raise Refused(500, "INTERNAL", f"The model answers {len(found)} values a row; a file takes {MOST_COLUMNS}.")
    return found


def _columns(name: str, part: Any, rows: int) -> Answer:
    array = part if isinstance(part, np.ndarray) else _objects(part)
    if array.size == rows and array.ndim != 1:
        array = array.reshape(-1)
    if not array.ndim or len(array) != rows:
        raise Refused(500, "INTERNAL", f"The model answers {array.size} values to {rows} rows.")
    if array.ndim == 1:
        return {name: array}
    if array.ndim == WIDE:
        return {f"{name}_{place}": array[:, place] for place in range(array.shape[1])}
    return {name: _objects(list(array))}


def _objects(part: Any) -> Array:
    listed = list(part) if isinstance(part, list | tuple) else [part]
    if listed and all(type(value) in {int, float} for value in listed):
        return np.asarray(listed)
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def written(array: Array) -> tuple[str, Any]:
    """Return a column as its type and bytes: numbers as they are, all else as a list of texts in JSON."""
    if array.dtype.kind in PLAIN and array.dtype.itemsize <= np.dtype(np.float64).itemsize:
        return array.dtype.newbyteorder("=").name, np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]").astype(str)
    return "text", orjson.dumps([_text(value) for value in array.tolist()])


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value) if isinstance(value, str) else str(orjson.dumps(value, default=str, option=OPTIONS), "utf-8")


def samples(sampler: Sampler, part: int, given: Fitted, columns: Answer, failed: Failed) -> list[Any]:
    """Return some rows and what was answered, as far as the model's data policy lets; a part with failures tells none.

    The first parts tell more: a small file should be known as well as a large one.
    """
    if failed or not columns:
        return []
    moments = min(MOMENTS if part < EARLY else MOMENTS_LATER, -(-given.rows // SAMPLED))
    try:
        return [orjson.loads(text) for text in sampler.of_part(given, columns, moments)]
    except Exception as why:  # noqa: BLE001 - values are whatever files and models made of them
        sys.stderr.write(f"features could not be told: {why!r}\n")
        return []


def serve(model: Model, sampler: Sampler, given: IO[bytes], said: IO[bytes]) -> int:
    """Answer part by part until the last; return 1 where the parts stopped before it."""
    if (setup := frames.read(given)) is None:
        return 1
    tensors = getattr(model.signature, "tensors", None)
    fitter = Fitter(setup.head, tensors[0].name if tensors else "")
    frames.write(said, {"ready": True})
    while (part := frames.read(given)) is not None:
        if part.head.get("last"):
            return 0
        fitted, number = fitter.fit(part.head["rows"], part.buffers), int(part.head["part"])
        columns, failed = answer(model, fitted)
        parts = {name: written(array) for name, array in columns.items()}
        head = {
            "part": number,
            "failed": failed,
            "columns": [[name, kind] for name, (kind, _) in parts.items()],
            "samples": samples(sampler, number, fitted, columns, failed),
        }
        frames.write(said, head, [body for _, body in parts.values()])
    return 1


def main() -> int:
    """Load the model and answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--artifact", type=Path, required=True)
    parser.add_argument("--policy", type=Path, required=True, help="what may be told of values")
    asked = parser.parse_args()
    given, said = private_pipes()
    try:
        model = models.load(asked.artifact)
    except Exception as why:  # noqa: BLE001 - a model may raise anything
        traceback.print_exc()
        sys.stderr.write(
            f"signoff: The model cannot be loaded: {type(why).__name__}: {' '.join(str(why).split())[:600]}\n"
        )
        return BROKEN
    try:
        return serve(model, Sampler(asked.policy), given, said)
    except BrokenPipeError:
        return 1
    except Exception as why:  # noqa: BLE001 - as above
        traceback.print_exc()
        sentence = why.message if isinstance(why, Refused) else refusals.withheld(why) or f"{type(why).__name__}: {why}"
        sys.stderr.write(f"signoff: {' '.join(sentence.split())[:900]}\n")
        return BROKEN


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # a thread of the model's own must not hold the end up
