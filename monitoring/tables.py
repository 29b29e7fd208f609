"""Reads tables that people upload, CSV or Parquet, row by row, so that a large file needs no more memory."""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

MAGIC = b"PAR1"
KEPT = ("PATH", "LANG")  # of our environment: the reader needs no secret
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
WORDS = {"true": True, "false": False, "nan": float("nan"), "inf": float("inf"), "-inf": -float("inf")}
Row = tuple[int, dict[str, Any]]  # line or row, from 1; values by column, None for an empty cell


class Broken(Exception):
    """A file cannot be read from some place on; its text says where and why. What came before stands."""


class Columns(Exception):
    """A file has not the columns that it needs; its text names those that it has."""


@dataclass(frozen=True)
class Wanted:
    """Columns that are looked for, of which one of each group of `needed` must be there; `texts` are no numbers."""

    columns: Sequence[str]
    needed: Sequence[Sequence[str]]
    texts: Sequence[str]


def rows(body: IO[bytes], wanted: Wanted) -> Iterator[Row]:
    """Yield the wanted columns of each row; others are passed over. Where a row is not whole, why is under "".

    Raises Columns before the first row, and Broken where the file cannot be read on.
    """
    body.seek(0)
    is_parquet = body.read(len(MAGIC)) == MAGIC
    body.seek(0)
    yield from (_parquet if is_parquet else _csv)(body, wanted)


def _check(columns: Sequence[str], wanted: Wanted) -> list[str]:
    """Return the columns in small letters."""
    names = [column.strip().lower() for column in columns]
    has = f"The file has {', '.join(name[:40] or '(empty)' for name in names[:20])}."
    for group in wanted.needed:
        if not set(group) & set(names):
            raise Columns(f"A column {' or '.join(group)} is missing. {has}")
    if twice := sorted({name for name in names if name in wanted.columns and names.count(name) > 1}):
        raise Columns(f"The column {twice[0]} is there twice. {has}")
    return names


def _csv(body: IO[bytes], wanted: Wanted) -> Iterator[Row]:
    lines = csv.reader(_lines(body), strict=True)
    try:
        names = _check(next(lines, []), wanted)
        for cells in lines:
            if any(cells):
                yield lines.line_num, _row(names, cells, wanted)
    except csv.Error as why:
        raise Broken(f"Line {lines.line_num}: {why}.") from None
    except UnicodeDecodeError:
        raise Broken(f"After line {lines.line_num}: not UTF-8.") from None


def _row(names: Sequence[str], cells: Sequence[str], wanted: Wanted) -> dict[str, Any]:
    if len(cells) != len(names):
        return {"": f"{len(cells)} cells, and the first line has {len(names)}."}
    return {
        name: (cell.strip() or None) if name in wanted.texts else _value(cell)
        for name, cell in zip(names, cells, strict=True)
        if name in wanted.columns
    }


def _lines(body: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(body):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def _value(cell: str) -> Any:
    """Return a cell as JSON would have it: a number, true or false, a list, a text; None of an empty one."""
    text = cell.strip()
    if not text:
        return None
    if NUMBER.fullmatch(text):
        return json.loads(text) if len(text) < 25 else float(text)  # noqa: PLR2004 - a whole number that fits
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return cell


def _parquet(body: IO[bytes], wanted: Wanted) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        with path.open("wb") as copy:
            while chunk := body.read(2**20):
                copy.write(chunk)
        with closing(_told(path, wanted.columns)) as told:
            names = _check(next(told, []), wanted)
            shown = [name for name in wanted.columns if name in names]
            for number, values in enumerate(told, 1):
                yield number, dict(zip(shown, values, strict=True))


def _told(path: Path, columns: Sequence[str]) -> Generator[Any, None, None]:
    """Yield what the reader's process says; end it when nobody listens any more."""
    command = [sys.executable, "-m", "monitoring.parquet", str(path), *columns]
    kept = {key: os.environ[key] for key in KEPT if key in os.environ}
    with tempfile.TemporaryFile() as trouble:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=trouble, cwd=settings.BASE_DIR, env=kept
        )
        try:
            for line in process.stdout or ():
                yield json.loads(line)
            if process.wait():
                trouble.seek(0)
                raise Broken(_why(trouble.read(2_000).decode(errors="replace"), process.returncode, path))
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _why(said: str, code: int, path: Path) -> str:
    said = said.replace(f" '{path}'", "").replace(f'"{path}"', "").strip()
    return f"The Parquet file cannot be read: {said[-300:] or f'its reader ended with code {code}'}."
