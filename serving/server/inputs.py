"""What a caller can send, before the signature has been asked, and what a model gets, after."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # an ndarray; only models' own environments have numpy


@dataclass(frozen=True, slots=True)
class Rows:
    """Values row by row. Without `columns` they stand in the signature's order; `text` means all came as words."""

    columns: list[str] | None
    data: list[list[Any]]
    text: bool = False


@dataclass(frozen=True, slots=True)
class Records:
    """A mapping for each row."""

    data: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Columns:
    """A list, or an array, for each column."""

    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Nested:
    """Lists in lists, or an array."""

    data: Any


Given = Rows | Records | Columns | Nested


@dataclass(frozen=True, slots=True)
class Frame:
    """A table that fits the signature: one matrix where all columns are of one kind, else one array each."""

    names: list[str]
    rows: int
    matrix: Array | None = None
    arrays: dict[str, Array] | None = None

    def column(self, name: str) -> Array:
        """Return one column."""
        if self.matrix is not None:
            return self.matrix[:, self.names.index(name)]
        return (self.arrays or {})[name]

    def as_matrix(self) -> Array:
        """Return all columns side by side."""
        if self.matrix is not None:
            return self.matrix
        arrays = list((self.arrays or {}).values())
        return np.column_stack(arrays)

    def as_mapping(self) -> dict[str, Array]:
        """Return all columns by name."""
        return {name: self.column(name) for name in self.names}


@dataclass(frozen=True, slots=True)
class Tensors:
    """Arrays that fit the signature, by name; a model with one unnamed input has the name ''."""

    arrays: dict[str, Array]

    @property
    def rows(self) -> int:
        """How many examples the first dimension says."""
        first = next(iter(self.arrays.values()))
        return int(first.shape[0]) if first.ndim else 1


Fitted = Frame | Tensors


@dataclass(frozen=True, slots=True)
class Table:
    """A model's answer in columns."""

    columns: dict[str, Array]
