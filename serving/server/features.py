"""Draws by lot, from what was answered in a moment, the rows whose values are told, as far as the policy lets it."""

import os
import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from serving.contract import ContractError, FeaturePolicy, load
from serving.server import answers, joining
from serving.server.inputs import Array, Fitted, Frame, Table

ROWS = 50  # of a moment
BYTES = 64 * 2**10  # of a sample
TEXT = 400  # characters of a text
WIDE = 1_024  # numbers of a row's own array; a larger one is not told
WHOLE = 100.0  # percent
Chosen = tuple[Fitted, Any, list[int]]  # a request, its answer, the places of the rows that are told


@dataclass
class Sampler:
    """What was asked and answered since the last sample. Nothing is copied before it is drawn."""

    path: Path  # of the policy
    asked: list[tuple[Fitted, Any]] = field(default_factory=list)
    lot: random.Random = field(default_factory=random.Random)
    _policy: FeaturePolicy | None = None
    _seen: tuple[int, int] | None = None

    def note(self, given: Fitted, answer: Any) -> None:
        """Keep one request until the next sample."""
        self.asked.append((given, answer))

    def of_part(self, given: Fitted, answer: Any, moments: int) -> list[bytes]:
        """Return samples of one large request as if it had come in so many moments; none where nothing may be told."""
        ends = [given.rows * place // moments for place in range(moments + 1)]
        found = []
        for first, last in pairwise(ends):
            self.note(joining.part_of(given, slice(first, last)), joining.part_of_answer(answer, slice(first, last)))
            found.append(self.take())
        return [text for text in found if text]

    def take(self) -> bytes:
        """Return the sample as JSON; nothing where nobody said yet what may be told, or nothing may."""
        asked, self.asked = self.asked, []
        policy = self._read()
        if policy is None or not policy.share_pct or not asked:
            return b""
        of = sum(given.rows for given, _ in asked)
        chosen = self._chosen(of, policy.share_pct)
        drawn = sorted(self.lot.sample(range(of), min(chosen, ROWS)))
        return _written(of, chosen, *_values(_asked(asked, drawn)), policy) if drawn else b""

    def _chosen(self, of: int, share_pct: float) -> int:
        """Return how many rows fall to the share."""
        return of if share_pct == WHOLE else sum(self.lot.random() * WHOLE < share_pct for _ in range(of))

    def _read(self) -> FeaturePolicy | None:
        """Return the policy as it stands; one that cannot be read lets nothing be told."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - as in tokens
            if (seen := (status.st_ino, status.st_mtime_ns)) != self._seen:
                self._policy, self._seen = load(self.path, FeaturePolicy), seen
        except (OSError, ContractError):
            self._policy = self._seen = None
        return self._policy


def _asked(asked: Sequence[tuple[Fitted, Any]], drawn: Sequence[int]) -> list[Chosen]:
    """Return the requests of which rows were drawn, each with the places of those rows in it."""
    ends = list(accumulate(given.rows for given, _ in asked))
    found: dict[int, list[int]] = {}
    for place in drawn:
        request = bisect_right(ends, place)
        found.setdefault(request, []).append(place - ends[request] + asked[request][0].rows)
    return [(*asked[request], places) for request, places in found.items()]


def _values(chosen: Sequence[Chosen]) -> tuple[dict[str, list[Any]], list[Any]]:
    """Return rows by column, and their predictions; a column that a request lacks is empty there."""
    columns: dict[str, list[Any]] = {}
    predictions = [said for given, answer, places in chosen for said in _predictions(answer, given.rows, places)]
    if (alike := _alike(chosen)) is not None:
        names, parts = alike
        return dict(zip(names, np.concatenate(parts).T.tolist(), strict=True)), predictions
    rows = 0
    for given, _, places in chosen:
        for name, values in _columns(given, places).items():
            columns.setdefault(name, [None] * rows).extend(values)
        rows += len(places)
        for column in columns.values():
            column.extend([None] * (rows - len(column)))
    return columns, predictions


def _alike(chosen: Sequence[Chosen]) -> tuple[list[str], list[Array]] | None:
    """Return the columns and rows where all requests are matrices of the same columns: what most are, and quicker."""
    names: list[str] = []
    parts: list[Array] = []
    for given, _, places in chosen:
        if not isinstance(given, Frame) or given.matrix is None or given.names != (names or given.names):
            return None
        names = given.names
        parts.append(given.matrix[places])
    return names, parts


def row_of(given: Fitted, answer: Any) -> tuple[dict[str, Any], Any]:
    """Return a request's one row, its values by column, and what was said to it; long texts only begin."""
    columns = _columns(given, [0])
    said = _predictions(answer, given.rows, [0])
    return {name: _short(values[0]) for name, values in columns.items()}, _short(said[0])


def _columns(given: Fitted, places: list[int]) -> dict[str, list[Any]]:
    if isinstance(given, Frame) and given.matrix is not None:
        return dict(zip(given.names, given.matrix[places].T.tolist(), strict=True))
    arrays = given.arrays or {}
    listed = {name: _listed(array, places) for name, array in arrays.items()}
    return {name: values for name, values in listed.items() if values is not None}


def _listed(array: Array, places: list[int]) -> list[Any] | None:
    """Return the values of some rows, a row's own array as one flat list; None where that is too wide."""
    chosen = array[places] if array.ndim else array.reshape(1)
    if chosen.dtype.kind == "M":
        return list(chosen.astype(str))
    if chosen.ndim == 1:
        return list(chosen.tolist())
    flat = chosen.reshape(len(chosen), -1)
    return list(flat.tolist()) if flat.shape[1] <= WIDE else None


def _predictions(answer: Any, rows: int, places: list[int]) -> list[Any]:
    """Return what was said to some rows; empty where the answer is not row by row. Several answers are one list."""
    if isinstance(answer, Table | dict):
        parts = answer.columns if isinstance(answer, Table) else answer
        said = [_predictions(part, rows, places) for part in parts.values()]
        return said[0] if len(said) == 1 else [list(row) for row in zip(*said, strict=True)]
    if not isinstance(answer, np.ndarray | list) or len(answer) != rows:
        return [None] * len(places)
    if isinstance(answer, list):
        return [answer[place] for place in places]
    return _listed(answer, places) or [None] * len(places)


def _written(
    of: int, chosen: int, columns: Mapping[str, list[Any]], predictions: list[Any], policy: FeaturePolicy
) -> bytes:
    """Return the sample as JSON, of fewer rows where all would be too long; nothing where one row is."""
    told = {name: _told(name, values, policy) for name, values in columns.items() if name not in policy.dropped}
    said = [_short(value) for value in predictions]
    while said:
        text = answers.dump({"of": of, "chosen": chosen, "columns": told, "predictions": said})
        if len(text) <= BYTES:
            return text
        keep = slice(1, None, 2)
        told, said = {name: values[keep] for name, values in told.items()}, said[keep]
    return b""


def _told(name: str, values: Iterable[Any], policy: FeaturePolicy) -> list[Any]:
    if name not in policy.hashed:
        return [_short(value) for value in values]
    return [None if value is None else policy.digest_of(value) for value in values]


def _short(value: Any) -> Any:
    """Return a value that is not long: a text's beginning, nothing for bytes."""
    if isinstance(value, str):
        return value[:TEXT]
    return None if isinstance(value, bytes) else value
