"""Exports the whole ledger as one zip that verifies itself offline."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.db.models import QuerySet

from audit import seal
from audit.copies import own_copies
from audit.models import Checkpoint, Seal

BESIDE = Path(__file__).parent / "offline"
CHUNK = 2_000
README = """The ledger of a Signoff server.

  python3 verify_ledger.py . kept.txt

needs only Python 3 and names the first bad number where anything was changed. kept.txt, and any more files, hold
checkpoints that you kept yourself; leave them out where you have none. Use the ledger.pub you were given earlier:
whoever holds the server's key could have signed another history, but not one that fits your copies.

events.jsonl       the sealed bytes of each event, a line each, from 0; event.schema.json says what they hold
seals.txt          what each was sealed as: SHA-256(0x00 and those bytes)
checkpoints.txt    signed checkpoints (c2sp.org/tlog-checkpoint)
ledger.pub         the key that signed them
"""


def write_zip(out: BinaryIO) -> int:
    """Write the ledger up to the newest checkpoint, its checkpoints, key, schema and verifier; return how many events.

    The checkpoints that only the home's file has come along: they tell of events that are gone. What is in memory at a
    time does not grow with the ledger.
    """
    notes = list(Checkpoint.objects.order_by("size").values_list("size", "note"))
    known = {note for _, note in notes}
    outside = [note for note in own_copies().notes if note not in known]
    upto = notes[-1][0] if notes else 0
    sealed = Seal.objects.filter(seq__lt=upto).order_by("seq")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        _write_lines(pack, "events.jsonl", (bytes(body or b"") for body in _column(sealed, "event__body")))
        _write_lines(pack, "seals.txt", (bytes(leaf).hex().encode() for leaf in _column(sealed, "leaf")))
        pack.writestr("checkpoints.txt", "\n".join([*(note for _, note in notes), *outside]))
        pack.writestr("ledger.pub", seal.signer().verifier_key + "\n")
        pack.writestr("README.txt", README)
        for name in ("verify_ledger.py", "event.schema.json"):
            pack.writestr(name, (BESIDE / name).read_text(encoding="utf-8"))
    return upto


def _column(sealed: QuerySet[Seal], name: str) -> Iterable[bytes]:
    return sealed.values_list(name, flat=True).iterator(chunk_size=CHUNK)


def _write_lines(pack: zipfile.ZipFile, name: str, lines: Iterable[bytes]) -> None:
    with pack.open(name, "w", force_zip64=True) as out:
        for line in lines:
            out.write(line + b"\n")
