"""Opens a CSV or a Parquet file and yields its rows in parts of a fixed length, which are the same at every reading."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from serving.batch.asked import Asked, Unfit
from serving.batch.cells import Wrong, check_type

MAGIC = b"PAR1"
BOM = b"\xef\xbb\xbf"
HEADER_BYTES = 4 * 2**20
BLOCK_BYTES = 8 * 2**20
MOST_COLUMNS = 10_000
NAMED = 20
STREAM_BYTES = 2**20


@dataclass(frozen=True)
class Part:
    """Rows of the file from `first` on, counted from 1; `wrong` says which are no rows, by their number from `first`.

    `values` holds the others, by column, in order.
    """

    number: int
    first: int
    rows: int
    values: pa.Table
    wrong: Wrong


def opened(path: Path) -> "Parquet | Csv":
    """Return the file; raise Unfit where it is none that can be scored."""
    with path.open("rb") as file:
        front = file.read(len(MAGIC))
    if not front:
        raise Unfit("The file is empty.")
    return Parquet(path) if front == MAGIC else Csv(path)


def chosen(names: Sequence[str], asked: Asked, id_column: str) -> list[str]:
    """Return which columns the model takes, in its order; raise Unfit where one that it needs is not there."""
    has = f"The file has {_listing(names)}."
    if id_column and names.count(id_column) != 1:
        raise Unfit(f"The column of ids '{id_column}' is {'there twice' if id_column in names else 'missing'}. {has}")
    if asked.width:
        found = [name for name in names if name != id_column]
        if len(found) != asked.width or len(set(found)) != len(found):
            raise Unfit(f"The model takes {asked.width} columns of {asked.dtype}, and there are {len(found)}. {has}")
        return found
    for column in asked.columns:
        if column.name not in names and column.required:
            raise Unfit(f"Column '{column.name}' is missing: it should be {column.words}. {has}")
        if names.count(column.name) > 1:
            raise Unfit(f"The column '{column.name}' is there twice. {has}")
    return [column.name for column in asked.columns if column.name in names]


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] or "(empty)" for name in names[:NAMED])
    return f"{shown} and {len(names) - NAMED:,} more" if len(names) > NAMED else shown


def _check_width(count: int) -> None:
    if count > MOST_COLUMNS:
        raise Unfit(f"The file has {count:,} columns; {MOST_COLUMNS:,} are the most.")


class Parquet:
    """A Parquet file."""

    kind = "parquet"

    def __init__(self, path: Path) -> None:
        try:
            self.file = pq.ParquetFile(path, buffer_size=STREAM_BYTES, pre_buffer=False)
        except (pa.ArrowException, OSError) as why:
            raise Unfit(_cannot(why, path)) from None
        _check_width(self.file.metadata.num_columns)
        self.path, self.schema = path, self.file.schema_arrow
        self.names, self.total, self.seen = list(self.schema.names), int(self.file.metadata.num_rows), 0

    def check(self, asked: Asked) -> None:
        """Raise Unfit where a column is of a type that the model does not take."""
        for column in asked.columns:
            if column.name in self.names:
                check_type(column, self.schema.field(column.name).type)

    def parts(self, columns: Sequence[str], rows: int, begin: int) -> Iterator[Part]:
        """Yield parts; whole groups before the first are not read."""
        skip, groups = self._groups_from(begin * rows)
        number, first = begin, begin * rows + 1
        try:
            batches = self.file.iter_batches(rows, row_groups=groups, columns=list(columns), use_threads=False)
            for table in _evenly(batches, rows, skip):
                self.seen = first + len(table) - 1
                yield Part(number, first, len(table), table, {})
                number, first = number + 1, first + len(table)
        except (pa.ArrowException, OSError) as why:
            raise Unfit(f"After row {first - 1:,}: {_cannot(why, self.path)}") from None

    def _groups_from(self, row: int) -> tuple[int, list[int]]:
        """Return the groups from the one that holds `row`, counted from 0, and how many rows of it come before."""
        metadata, before = self.file.metadata, 0
        for group in range(metadata.num_row_groups):
            length = metadata.row_group(group).num_rows
            if row < before + length:
                return row - before, list(range(group, metadata.num_row_groups))
            before += length
        return 0, []

    def share(self) -> float:
        """Return the share of the rows."""
        return self.seen / self.total if self.total else 1.0


def _cannot(why: Exception, path: Path) -> str:
    said = str(why).replace(f"'{path}'", "").replace(str(path), "").strip().partition("\n")[0]
    return f"The Parquet file cannot be read: {said[:300] or type(why).__name__}"


def _evenly(batches: Iterator[pa.RecordBatch], rows: int, skip: int) -> Iterator[pa.Table]:
    """Yield tables of so many rows each, the last perhaps of fewer, without the first `skip` rows."""
    held: list[pa.RecordBatch] = []
    have = 0
    for batch in batches:
        if skip >= len(batch):
            skip -= len(batch)
            continue
        kept, skip = batch.slice(skip), 0
        while have + len(kept) >= rows:
            yield pa.Table.from_batches([*held, kept.slice(0, rows - have)])
            kept, held, have = kept.slice(rows - have), [], 0
        if len(kept):
            held, have = [*held, kept], have + len(kept)
    if have:
        yield pa.Table.from_batches(held)


class Csv:
    """A CSV file: UTF-8, commas, a first line of names. What stands in its cells is read later, as bytes."""

    kind = "csv"
    total = None

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size
        with path.open("rb") as file:
            line = file.readline(HEADER_BYTES)
        if not line.endswith((b"\n", b"\r")) and len(line) == HEADER_BYTES:
            raise Unfit(f"The first line is over {HEADER_BYTES // 2**20} MiB long.")
        if b"\0" in line:
            raise Unfit("The first line holds a NUL: the file is no CSV in UTF-8.")
        try:
            text = line.removeprefix(BOM).decode()
        except UnicodeDecodeError:
            raise Unfit("The first line is not UTF-8.") from None
        self.names = next(csv.reader([text]), [])
        _check_width(len(self.names))
        self.file: pa.NativeFile | None = None
        self.broken: dict[int, str] = {}  # rows that are none, by number

    def parts(self, columns: Sequence[str], rows: int, begin: int) -> Iterator[Part]:
        """Yield parts; those before `begin` are split into cells and no more."""
        stream = self._stream(columns)
        held: list[pa.RecordBatch] = []
        number, have, is_over = 0, 0, False
        while not is_over or have or self._in(number, rows):
            while not is_over and have < rows - len(self._in(number, rows)):
                batch = next(stream, None)
                is_over = batch is None
                if batch is not None and len(batch):
                    held, have = [*held, batch], have + len(batch)
            wrong = self._in(number, rows)
            taken = min(have, rows - len(wrong))
            table = pa.Table.from_batches(held) if held else None
            if number >= begin and (taken or wrong):
                values = table.slice(0, taken) if table is not None else pa.table({name: [] for name in columns})
                yield Part(number, number * rows + 1, taken + len(wrong), values, wrong)
            held = table.slice(taken).to_batches() if table is not None else []
            self.broken = {row: why for row, why in self.broken.items() if row > (number + 1) * rows}
            number, have = number + 1, have - taken

    def _in(self, number: int, rows: int) -> Wrong:
        """Return which rows of a part are known to be none."""
        first = number * rows + 1
        return {row - first: why for row, why in self.broken.items() if first <= row < first + rows}

    def _stream(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        self.file = pa.OSFile(str(self.path))
        try:
            yield from pacsv.open_csv(
                self.file,
                pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=self._skip),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.binary()), include_columns=list(columns),
                    null_values=[""], strings_can_be_null=True, check_utf8=False,
                ),
            )  # fmt: skip
        except (pa.ArrowException, KeyError, OSError) as why:
            if "Empty CSV file" not in str(why):
                raise Unfit(f"The CSV cannot be read: {str(why)[:300]}") from None

    def _skip(self, row: pacsv.InvalidRow) -> str:
        cells = f"{row.actual_columns} cells, and the first line has {row.expected_columns}."
        self.broken[(row.number or 0) - 1] = cells
        return "skip"

    def share(self) -> float:
        """Return the share of the bytes."""
        return min(1.0, self.file.tell() / self.size) if self.file else 0.0
