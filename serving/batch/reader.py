"""Reads a file in a process of its own: `python -m serving.batch.reader PATH ASKED --model FD`.

A file is anybody's, and its reader is not Python: what it breaks, or eats, is this process and no other. What fits goes
to the model's pipe, part by part; what became of the rows goes to the standard output.
"""

import argparse
import os
import resource
import sys
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from serving import frames, lifeline
from serving.batch import cells
from serving.batch.asked import DTYPES, Asked, Column, Unfit
from serving.batch.cells import Wrong
from serving.batch.sources import Parquet, Part, chosen, opened

MEMORY_BYTES = 3 * 2**30  # of addresses; what is held at once is a tenth of it
CPU_S = 24 * 3600
OPEN_FILES = 64
UNFIT = 2
NONE = 0


def bound() -> None:
    """Leave this process little that a broken file could make it take."""
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: NONE,
        resource.RLIMIT_CORE: NONE,
    }
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))


class Sender:
    """Sends what fits of each part to the model, and tells whoever listens what became of its rows."""

    def __init__(self, asked: Asked, names: list[str], id_column: str, model: IO[bytes], said: IO[bytes]) -> None:
        self.id_column, self.model, self.said = id_column, model, said
        kinds = {column.name: column for column in asked.columns}
        kind = DTYPES.get(asked.dtype, "")
        self.columns = [kinds.get(name) or Column(name, kind) for name in names]
        setup = {"columns": [[one.name, one.kind] for one in self.columns], "dtype": asked.dtype, "width": asked.width}
        frames.write(self.model, setup)

    def send(self, part: Part, share: float) -> None:
        """Send one part; a row with a value that does not fit is told of and not sent."""
        wrong: Wrong = {}
        arrays = []
        for column in self.columns:
            array, misfits = cells.fitted(column, _one(part.values[column.name]))
            arrays.append(array)
            wrong = {**misfits, **wrong}
        rows = len(part.values)
        if wrong:
            kept = pa.array([place not in wrong for place in range(rows)])
            arrays = [array.filter(kept) for array in arrays]
        rejected = _rejected(part, wrong)
        head = {"part": part.number, "first": part.first, "rows": part.rows, "share": share, "rejected": rejected}
        frames.write(self.said, head, [self._kept(part, wrong)])
        if count := rows - len(wrong):
            parts = [
                one
                for column, array in zip(self.columns, arrays, strict=True)
                for one in cells.buffers(column.kind, array)
            ]
            frames.write(self.model, {"part": part.number, "rows": count}, parts)

    def _kept(self, part: Part, wrong: Wrong) -> pa.Buffer:
        """Return the numbers of the rows that were sent, and their ids, as one stream of Arrow's."""
        numbers = [part.first + place for place in range(part.rows) if place not in part.wrong] if part.wrong else None
        row = pa.array(numbers or range(part.first, part.first + part.rows), pa.int64())
        columns = {"row": row}
        if self.id_column:
            columns[self.id_column] = _id(_one(part.values[self.id_column]))
        table = pa.table(columns)
        if wrong:
            table = table.filter(pa.array([place not in wrong for place in range(len(part.values))]))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return sink.getvalue()

    def end(self) -> None:
        """Tell both that this was the last part."""
        frames.write(self.said, {"last": True})
        frames.write(self.model, {"last": True})


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _id(array: pa.Array) -> pa.Array:
    """Return ids as whole numbers or texts."""
    if pa.types.is_integer(array.type):
        return array
    if pa.types.is_binary(array.type):
        try:
            return array.cast(pa.string())
        except pa.ArrowInvalid:
            return pa.array(
                [None if one is None else one.decode(errors="replace") for one in array.to_pylist()], pa.string()
            )
    return array.cast(pa.string())


def _rejected(part: Part, wrong: Wrong) -> list[list[Any]]:
    """Return the numbers of the rejected rows with the reasons; places in `wrong` pass over rows that are none."""
    if not part.wrong:
        return [[part.first + place, why] for place, why in sorted(wrong.items())]
    whole = [place for place in range(part.rows) if place not in part.wrong]
    found = {**part.wrong, **{whole[place]: why for place, why in wrong.items()}}
    return [[part.first + place, why] for place, why in sorted(found.items())]


def read(path: Path, asked: Asked, id_column: str, begin: int, pipes: tuple[IO[bytes], IO[bytes]]) -> None:
    """Send the file from part `begin` on; raise Unfit where that cannot be."""
    model, said = pipes
    source = opened(path)
    names = chosen(source.names, asked, id_column)
    if isinstance(source, Parquet):
        source.check(asked)
    if source.total == 0:
        raise Unfit("The file has no rows.")
    frames.write(said, {"kind": source.kind, "total": source.total})
    sender, sent = Sender(asked, names, id_column, model, said), begin
    for part in source.parts(
        [*names, *([id_column] if id_column and id_column not in names else [])], asked.part_rows, begin
    ):
        sender.send(part, source.share())
        sent += 1
    if not sent:
        raise Unfit("The file has no rows after its first line.")
    sender.end()


def main() -> int:
    """Read as the words say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("asked", type=Asked.loaded)
    parser.add_argument("--id-column", default="")
    parser.add_argument("--begin", type=int, default=0)
    parser.add_argument("--model", type=int, required=True, help="the descriptor of the model's pipe")
    given = parser.parse_args()
    said, model = os.fdopen(os.dup(1), "wb"), os.fdopen(given.model, "wb")
    os.dup2(2, 1)
    lifeline.end_with_parent()
    bound()
    try:
        read(given.path, given.asked, given.id_column, given.begin, (model, said))
    except Unfit as why:
        frames.write(said, {"unfit": str(why)})
        return UNFIT
    except MemoryError:
        frames.write(said, {"unfit": "A part of the file needs more memory than its reader is given."})
        return UNFIT
    except pa.ArrowException as why:
        frames.write(said, {"unfit": f"The file cannot be read: {str(why)[:300]}"})
        return UNFIT
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # nothing is left to be said, and buffers of a pipe that broke need not be
