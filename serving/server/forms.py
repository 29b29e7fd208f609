"""Reads the bodies MLflow's scoring server takes: four JSON forms and CSV."""

import csv
import io
from typing import Any

import orjson

from serving.server.inputs import Columns, Given, Nested, Records, Rows
from serving.server.refusals import Refused, bad

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CSV, JSON = "text/csv", "application/json"


def read(body: bytes, content_type: str) -> Given:
    """Return what the caller gave; `params` beside it are passed over."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == CSV:
        return _csv(body)
    if kind and kind != JSON:
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", f"Send {JSON} or {CSV}; {kind[:80]!r} came.")
    said = json_of(body)
    if not isinstance(said, dict):
        raise bad(f"The body should be a mapping with one of {', '.join(FORMS)}.")
    named = [form for form in FORMS if form in said]
    if len(named) != 1:
        came = ", ".join(sorted(map(repr, said))[:10]) or "nothing"
        raise bad(f"The body should hold exactly one of {', '.join(FORMS)}; it holds {came}.")
    return READERS[named[0]](said[named[0]])


def json_of(body: bytes) -> Any:
    """Return the body's JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as why:
        raise bad(f"The body is not JSON: {why}.") from None


def _split(said: Any) -> Given:
    if not isinstance(said, dict) or not isinstance(said.get("data"), list):
        raise bad("dataframe_split should be a mapping with 'columns' and 'data', a list of rows.")
    names = said.get("columns")
    if names is not None and not (isinstance(names, list) and all(type(name) is str for name in names)):
        raise bad("dataframe_split: 'columns' should be a list of names.")
    return Rows(names, said["data"])


def _records(said: Any) -> Given:
    if not isinstance(said, list) or not all(type(row) is dict for row in said):
        raise bad("dataframe_records should be a list of mappings, one for each row.")
    return Records(said)


def _instances(said: Any) -> Given:
    if not isinstance(said, list) or not said:
        raise bad("instances should be a list with at least one row.")
    if all(type(row) is dict for row in said):
        return Records(said)
    return Nested(said)


def _inputs(said: Any) -> Given:
    if isinstance(said, dict) and said:
        return Columns(said)
    if isinstance(said, list) and said:
        return Records(said) if all(type(row) is dict for row in said) else Nested(said)
    raise bad("inputs should be a mapping of columns or a list, and not empty.")


def _csv(body: bytes) -> Given:
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as why:
        raise bad(f"The body is not CSV in UTF-8: {why}.") from None
    lines = [line for line in lines if line]
    if not lines:
        raise bad("The CSV is empty; its first line should name the columns.")
    return Rows(lines[0], [list(line) for line in lines[1:]], text=True)


READERS = {"dataframe_split": _split, "dataframe_records": _records, "instances": _instances, "inputs": _inputs}
