#!/usr/bin/env python3
"""Verifies an exported Signoff ledger with nothing but Python's standard library.

  python3 verify_ledger.py events.jsonl checkpoints.txt ledger.pub

events.jsonl   one line per event, {"seq": n, "body": "<the sealed bytes as text>"}, from 0 without a gap
checkpoints.txt  signed checkpoints (C2SP form), blank line between; add copies you kept yourself
ledger.pub     the verifier key, name+id+base64; compare it with the one you were given before

Exit 0: every event is in the tree each checkpoint signs. Exit 1: says the first bad number. Exit 2: cannot read.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

Point = tuple[int, int, int, int]
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
DASH = "\u2014"


def recover_x(y: int, sign: int) -> int | None:
    """The x of a curve point (RFC 8032, 5.1.3), or None."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def point(data: bytes) -> Point | None:
    """Decode 32 bytes to extended coordinates, or None."""
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = recover_x(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def add(a: Point, b: Point) -> Point:
    """Add two points (RFC 8032, 5.1.4)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def multiply(scalar: int, base: Point) -> Point:
    """Scalar times point."""
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, base)
        base = add(base, base)
        scalar >>= 1
    return total


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0) or 0
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Ed25519 verification (RFC 8032, 5.1.7)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = point(public), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = multiply(s, BASE), add(r, multiply(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def node(left: bytes, right: bytes) -> bytes:
    """RFC 6962 interior hash."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """RFC 6962 tree as its frontier."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        size = self.size
        while size & 1:
            leaf = node(self.nodes.pop(), leaf)
            size >>= 1
        self.nodes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root now."""
        root = None
        for part in reversed(self.nodes):
            root = part if root is None else node(part, root)
        return root or hashlib.sha256(b"").digest()


def checkpoints(text: str, verifier_key: str) -> Iterator[tuple[int, bytes]]:
    """Yield (size, root) of each note; raise ValueError where a signature does not hold."""
    name, _, encoded = verifier_key.strip().split("+", 2)
    public = base64.b64decode(encoded)[1:]
    lines: list[str] = []
    for line in text.splitlines():
        if not lines and not line:
            continue
        lines.append(line)
        if not line.startswith(DASH + " "):
            continue
        body = "\n".join(lines[:-2]) + "\n"
        raw = base64.b64decode(line.split(" ")[2])
        if line.split(" ")[1] != name or not signature_holds(public, body.encode(), raw[4:]):
            raise ValueError(f"the signature of the checkpoint of {lines[1]} events does not hold")
        yield int(lines[1]), base64.b64decode(lines[2])
        lines = []


def main(events_file: str, checkpoints_file: str, key_file: str) -> int:
    """Verify and return the exit code."""
    try:
        stated: dict[int, set[bytes]] = {}
        for size, root in checkpoints(Path(checkpoints_file).read_text(encoding="utf-8"), Path(key_file).read_text()):
            stated.setdefault(size, set()).add(root)
    except ValueError as why:
        print(f"BROKEN: {why}")
        return 1
    tree, trusted = Tree(), 0
    with Path(events_file).open(encoding="utf-8") as lines:
        for line in lines:
            said = json.loads(line)
            if said["seq"] != tree.size:
                print(f"BROKEN at #{tree.size}: the next event is #{said['seq']}")
                return 1
            tree.append(hashlib.sha256(b"\x00" + said["body"].encode()).digest())
            for root in stated.pop(tree.size, ()):
                if root != tree.root():
                    changed = f"an event from #{trusted} to #{tree.size - 1} is not the one that was signed"
                    print(f"BROKEN at #{trusted}: {changed}")
                    return 1
                trusted = tree.size
    if stated:
        print(f"BROKEN at #{tree.size}: a checkpoint signs {max(stated)} events, the file holds {tree.size}")
        return 1
    print(
        f"ok: {trusted} events signed, {tree.size - trusted} newer than the last checkpoint, root {tree.root().hex()}"
    )
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, ValueError, KeyError, IndexError) as why:
        print(f"cannot read: {why}")
        sys.exit(2)
