"""Exports the whole ledger as one zip that verifies itself offline."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from audit import seal
from audit.models import Checkpoint, Seal

VERIFIER = Path(__file__).parent / "offline" / "verify_ledger.py"
README = """The ledger of a Signoff server.

  python3 verify_ledger.py events.jsonl checkpoints.txt ledger.pub

needs only Python 3 and says the first bad sequence number where anything was changed. Add checkpoints you kept
yourself to checkpoints.txt, and use the ledger.pub you were given earlier: whoever holds the server's key could
have signed another history, but not one that fits your copies.
"""


def events(upto: int) -> Iterator[str]:
    """Yield a JSON line for each of the first `upto` events, in order."""
    for seq, body in (
        Seal.objects.filter(seq__lt=upto).order_by("seq").values_list("seq", "event__body").iterator(chunk_size=2_000)
    ):
        yield json.dumps({"seq": seq, "body": bytes(body).decode()}, ensure_ascii=False) + "\n"


def as_zip() -> bytes:
    """Return the zip: events up to the newest checkpoint, all checkpoints, the key, the verifier and a README."""
    notes = list(Checkpoint.objects.order_by("size").values_list("size", "note"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        with pack.open("events.jsonl", "w") as lines:
            for line in events(notes[-1][0] if notes else 0):
                lines.write(line.encode())
        pack.writestr("checkpoints.txt", "\n".join(note for _, note in notes))
        pack.writestr("ledger.pub", seal.signer().verifier_key + "\n")
        pack.writestr("verify_ledger.py", VERIFIER.read_text(encoding="utf-8"))
        pack.writestr("README.txt", README)
    return out.getvalue()
