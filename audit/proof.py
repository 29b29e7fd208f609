"""Proves that one event is in the signed tree."""

from dataclasses import dataclass

from audit import merkle, seal
from audit.models import Checkpoint, Seal
from core.refusals import Conflict


@dataclass(frozen=True)
class Inclusion:
    """An event's sealed bytes, its place, the path to the root and the note that signs the root."""

    seq: int
    body: str
    leaf: str
    path: list[str]
    checkpoint: str
    verifier_key: str


def inclusion(seq: int) -> Inclusion:
    """Return the proof of event `seq` under the newest checkpoint; Conflict where none covers it yet."""
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None or seq >= newest.size:
        raise Conflict(f"Event #{seq} is not under a checkpoint yet.", next_step="Try again in a second.")
    leaves = [
        bytes(leaf) for leaf in Seal.objects.filter(seq__lt=newest.size).order_by("seq").values_list("leaf", flat=True)
    ]
    body = bytes(Seal.objects.select_related("event").get(seq=seq).event.body).decode()
    path = [node.hex() for node in merkle.inclusion_path(leaves, seq)]
    return Inclusion(seq, body, leaves[seq].hex(), path, newest.note, seal.signer().verifier_key)
