"""Writes parts, each whole or not at all, and joins them to one result with the rows in the order of the input."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from serving.contract import FileKind
from serving.frames import Cut, Frame

ROW = "row"
TYPES: dict[str, pa.DataType] = {
    name: getattr(pa, name)()
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
}
BYTE = 8  # bits
REJECTED = ("row", "reason")


def kept_rows(frame: Frame) -> pa.Table:
    """Return the numbers and ids that a reader sent; raises ArrowInvalid for what is none."""
    table = pa.ipc.open_stream(pa.py_buffer(frame.buffers[0])).read_all()
    table.validate(full=True)
    return table


def predictions(frame: Frame, rows: int) -> dict[str, pa.Array]:
    """Return what a model answered, by column; raise Cut where it is not what it says: a model may send anything."""
    columns = frame.head.get("columns")
    if not isinstance(columns, list) or len(columns) != len(frame.buffers):
        raise Cut("The model's answer is not whole.")
    try:
        found = {str(name): _array(kind, part, rows) for (name, kind), part in zip(columns, frame.buffers, strict=True)}
    except (ValueError, TypeError, LookupError, RecursionError, pa.ArrowException) as why:
        raise Cut(f"The model's answer cannot be read: {why!r}") from None
    if len(found) != len(columns) or any(len(array) != rows for array in found.values()):
        raise Cut(f"The model did not answer {rows} rows.")
    return found


def _array(kind: str, part: memoryview, rows: int) -> pa.Array:
    if kind == "text":
        listed = json.loads(bytes(part))
        return pa.array([None if one is None else str(one) for one in listed], pa.string())
    if kind == "bool":
        return _fixed(pa.uint8(), part, rows).cast(pa.bool_())
    return _fixed(TYPES[kind], part, rows)


def _fixed(kind: pa.DataType, part: memoryview, rows: int) -> pa.Array:
    if len(part) != rows * kind.bit_width // BYTE:
        raise ValueError(f"{len(part)} bytes are not {rows} of {kind}")
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(part)])


def table_of(kept: pa.Table, said: dict[str, pa.Array]) -> pa.Table:
    """Return numbers, ids and predictions side by side; a prediction that is called as an id is told apart."""
    names, table = set(kept.column_names), kept
    for name, array in said.items():
        while name in names:
            name += "_predicted"  # noqa: PLW2901 - until it is free
        names.add(name)
        table = table.append_column(name, array)
    return table


def whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Put a file at `path` that is there whole, on the disk, or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_part(path: Path, table: pa.Table) -> None:
    """Write a part."""
    whole(
        path, lambda file: pq.write_table(table, file, compression="none", use_dictionary=False, write_statistics=False)
    )


def write_lines(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write a line of JSON for each of some rows of a part."""
    whole(path, lambda file: file.write("".join(f"{json.dumps(list(row))}\n" for row in rows).encode()))


def join(parts: Sequence[Path], into: Path, kind: FileKind) -> tuple[str, ...]:
    """Write all parts as one file; return its columns. Raises Cut where they have not the same."""
    schema = pq.read_schema(parts[0])

    def write(file: IO[bytes]) -> None:
        with _writer(file, schema, kind) as writer:
            for path in parts:
                table = pq.read_table(path, memory_map=True, use_threads=False)
                if table.schema.names != schema.names:
                    raise Cut(f"The model answered {path.stem} in other columns than the first part.")
                writer.write_table(table.cast(schema))

    whole(into, write)
    return tuple(schema.names)


def _writer(file: IO[bytes], schema: pa.Schema, kind: FileKind) -> Any:
    if kind == "csv":
        return pacsv.CSVWriter(file, schema)
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    others = [field.name for field in schema if field.name not in floats and field.name != ROW]
    return pq.ParquetWriter(
        file, schema, compression="snappy", use_dictionary=others, column_encoding={ROW: "DELTA_BINARY_PACKED"}
    )


def join_lines(parts: Sequence[Path], into: Path) -> None:
    """Write the lines of all parts as one file."""
    whole(into, lambda file: file.writelines(path.read_bytes() for path in parts))


def join_rejected(parts: Sequence[Path], into: Path) -> None:
    """Write all rejected rows as one CSV; nothing where there are none."""

    def write(file: IO[bytes]) -> None:
        file.write(_csv_line(REJECTED))
        for path in parts:
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    file.write(_csv_line(json.loads(line)))

    whole(into, write)


class _Line:
    """Takes what csv writes."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        """Keep it."""
        self.text = text


def _csv_line(cells: Sequence[Any]) -> bytes:
    line = _Line()
    csv.writer(line).writerow(cells)
    return line.text.encode()
