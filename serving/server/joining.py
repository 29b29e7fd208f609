"""Makes requests one, and divides its answer among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.server.inputs import Array, Fitted, Frame, Table, Tensors


def _parts(given: Fitted) -> dict[str, Array]:
    """Return what is joined along the first dimension, by name."""
    if isinstance(given, Tensors):
        return given.arrays
    return {"": given.matrix} if given.matrix is not None else given.arrays or {}


def fits(one: Fitted, other: Fitted) -> bool:
    """Whether both have the same parts, of the same kind and the same shape but for their rows."""
    if type(one) is not type(other) or (isinstance(one, Frame) and one.names != getattr(other, "names", None)):
        return False
    mine, theirs = _parts(one), _parts(other)
    return mine.keys() == theirs.keys() and all(_alike(mine[name], theirs[name]) for name in mine)


def _alike(one: Array, other: Array) -> bool:
    return bool(one.ndim and other.ndim and one.dtype == other.dtype and one.shape[1:] == other.shape[1:])


def joined(asked: Sequence[Fitted]) -> Fitted:
    """Return requests that fit one another as one."""
    first = asked[0]
    parts = {name: np.concatenate([_parts(one)[name] for one in asked]) for name in _parts(first)}
    if isinstance(first, Tensors):
        return Tensors(parts)
    rows = sum(one.rows for one in asked)
    if first.matrix is not None:
        return Frame(first.names, rows, matrix=parts[""])
    return Frame(first.names, rows, arrays=parts)


def part_of(given: Fitted, rows: slice) -> Fitted:
    """Return some rows of a request."""
    if isinstance(given, Tensors):
        return Tensors({name: array[rows] for name, array in given.arrays.items()})
    count = len(range(*rows.indices(given.rows)))
    if given.matrix is not None:
        return Frame(given.names, count, matrix=given.matrix[rows])
    return Frame(given.names, count, arrays={name: array[rows] for name, array in (given.arrays or {}).items()})


def part_of_answer(answer: Any, rows: slice) -> Any:
    """Return what was answered to some rows, of an answer by column."""
    return {name: array[rows] for name, array in answer.items()}


def divided(answer: Any, rows: Sequence[int]) -> list[Any]:
    """Return each request's part of an answer; nothing where it is not row by row."""
    ends = np.cumsum(rows)
    spans = [slice(int(end - count), int(end)) for end, count in zip(ends, rows, strict=True)]
    if isinstance(answer, Table):
        columns = _divided(answer.columns, spans, int(ends[-1]))
        return [Table(part) for part in columns]
    if isinstance(answer, dict):
        return list(_divided(answer, spans, int(ends[-1])))
    return [answer[span] for span in spans] if _has(answer, int(ends[-1])) else []


def _divided(named: dict[str, Any], spans: Sequence[slice], rows: int) -> list[dict[str, Any]]:
    if not all(_has(part, rows) for part in named.values()):
        return []
    return [{name: part[span] for name, part in named.items()} for span in spans]


def _has(part: Any, rows: int) -> bool:
    return isinstance(part, np.ndarray | list) and len(part) == rows
