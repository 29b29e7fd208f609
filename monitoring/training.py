"""The training sample that was logged with a version: a file of the frozen model folder, by the client as it comes.

`reference.csv` or `reference.json` in the folder, else MLflow's input example where that has rows enough.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from core.refusals import Refusal
from registry import blobs, listed_files
from registry.models import Manifest

log = structlog.get_logger(__name__)
LARGEST = 32 * 2**20
EXAMPLE = "input_example.json"
LEAST_ROWS = 100  # of an input example; one of a few rows is an example and no sample
Columns = Mapping[str, list[Any]]


def columns_of(digest: str) -> Columns:
    """Return the training sample's values by column; nothing where the manifest of this digest has none."""
    files = _files(digest)
    for name, read in READERS.items():
        for path in sorted(path for path in files if path.rpartition("/")[2] == name):
            try:
                found = read(blobs.blob_bytes(files[path], LARGEST))
            except (
                Refusal,
                OSError,
                ValueError,
                TypeError,
                KeyError,
                AttributeError,
                RecursionError,
                csv.Error,
            ) as why:
                log.warning("a training sample cannot be read", path=path, manifest=digest, why=repr(why)[:200])
                continue
            if rows_of(found) >= (LEAST_ROWS if name == EXAMPLE else 1):
                return found
    return {}


def _files(digest: str) -> dict[str, str]:
    manifest = Manifest.objects.filter(digest=digest).first()
    try:
        return {line.path: line.sha256 for line in listed_files.files_of(manifest)} if manifest else {}
    except ValueError as why:
        log.warning("a version's files cannot be told", manifest=digest, why=str(why))
        return {}


def rows_of(columns: Columns) -> int:
    """Return how many rows there are."""
    return max(map(len, columns.values()), default=0)


def _csv(text: bytes) -> Columns:
    names, *rows = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""))
    return {name: [_value(row[place]) for row in rows if row] for place, name in enumerate(names)}


def _value(cell: str) -> Any:
    """Return what a cell stands for: nothing where it is empty."""
    try:
        return float(cell)
    except ValueError:
        return cell or None


def _json(text: bytes) -> Columns:
    """Return the columns of a table as pandas writes it: split, as `mlflow.log_table` has it too, or records."""
    said = json.loads(text)
    if isinstance(said, list):
        names = dict.fromkeys(name for row in said for name in row)
        return {name: [row.get(name) for row in said] for name in names}
    return {str(name): [row[place] for row in said["data"]] for place, name in enumerate(said["columns"])}


READERS: Mapping[str, Callable[[bytes], Columns]] = {"reference.csv": _csv, "reference.json": _json, EXAMPLE: _json}
