"""Takes files of labels. A file may be sent again after any fault: what was counted is repeated, and counts once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import IO, Any

from accounts.actors import Actor
from core.refusals import Invalid, NotFound
from monitoring import tables
from monitoring.labels import Given, one, record_labels, require_giver
from monitoring.models import LabelFile

MOST_BYTES = 64 * 2**20
MOST_ROWS = 1_000_000
AT_ONCE = 5_000  # labels a transaction
KEPT = 10_000  # refused rows whose reasons are kept
SHOWN = 20  # files
IDS = ("request_id", "prediction_id", "client_request_id")  # all are the one id that a request has
SAYS = ("label", "value")
WANTED = tables.Wanted((*IDS, *SAYS, "at", "segment"), (IDS, SAYS), (*IDS, "at", "segment"))
ID = 128


def take(endpoint: str, file: IO[bytes] | None, *, actor: Actor) -> LabelFile:
    """Count a file's labels, so many at once; return what became of its rows, one by one.

    Raises Denied without the permission to give labels, and Invalid for a file of which no row could be read.
    """
    require_giver(endpoint, actor)
    if file is None:
        raise Invalid("Choose a file.", field="files")
    report = LabelFile(endpoint=endpoint, name=str(file.name or "")[:250], by=actor.name)
    labels = _labels(file, report)
    counts: Counter[str] = Counter()
    while some := list(islice(labels, AT_ONCE)):
        counts.update(record_labels(endpoint, some, actor=actor))
    for key in ("new", "revised", "repeated", "waiting"):
        setattr(report, key, counts[key])
    if not report.rows:
        raise Invalid(report.fault or "The file has no row after its first line.", field="files")
    report.save()
    return report


def _labels(body: IO[bytes], report: LabelFile) -> Iterator[Given]:
    """Yield the rows that are labels; note in the report those that are none, and where the file breaks off."""
    try:
        for line, row in tables.rows(body, WANTED):
            if report.rows == MOST_ROWS:
                report.fault = f"It goes on after {MOST_ROWS:,} rows, the most of one file. Send the rest as another."
                return
            report.rows += 1
            try:
                yield one(_said(row))
            except Invalid as why:
                report.refused += 1
                if len(report.refusals) < KEPT:
                    report.refusals.append([line, _shown(row), why.message])
    except tables.Columns as why:
        raise Invalid(str(why), field="files") from why
    except tables.Broken as why:
        report.fault = str(why)[:500]


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the call has a label; raise Invalid where it has no id, or more than one."""
    if fault := row.get(""):
        raise Invalid(fault)
    ids = [_word(row[name]) for name in IDS if row.get(name) is not None]
    if len(set(ids)) != 1:
        raise Invalid("its ids are not the same." if ids else f"{' or '.join(IDS)} is empty.")
    told = {name: row[name] for name in (*SAYS, "at") if row.get(name) is not None}
    if not told.keys() & set(SAYS):
        raise Invalid("label and value are empty.")
    segment = row.get("segment")
    return {"request_id": ids[0], "segment": None if segment is None else _word(segment), **told}


def _word(value: Any) -> str:
    """Return an id or a segment as a text, whatever the file took it for."""
    return str(value).strip()


def _shown(row: Mapping[str, Any]) -> str:
    return next((_word(row[name])[:ID] for name in IDS if row.get(name) is not None), "")


def newest(endpoint: str) -> list[LabelFile]:
    """Return what became of the last files of an endpoint."""
    return list(LabelFile.objects.filter(endpoint=endpoint).order_by("-pk").defer("refusals")[:SHOWN])


def find(endpoint: str, number: int) -> LabelFile:
    """Return what became of one file; raise NotFound where there is none."""
    if (found := LabelFile.objects.filter(endpoint=endpoint, pk=number).first()) is None:
        raise NotFound(f"There is no file #{number} of labels for {endpoint}.")
    return found
