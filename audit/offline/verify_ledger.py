#!/usr/bin/env python3
"""Verifies an exported Signoff ledger with nothing but Python's standard library.

  python3 verify_ledger.py [FOLDER] [COPY ...]

FOLDER (default: this file's) holds the unpacked export:
  events.jsonl     the sealed bytes of each event, a line each, from 0
  seals.txt        what each was sealed as: SHA-256(0x00 and those bytes), a line each
  checkpoints.txt  signed checkpoints (C2SP form), a blank line between
  ledger.pub       the verifier key, name+id+base64; compare it with the one you were given before
COPY             files of checkpoints that you kept yourself: whoever holds the server's key could have signed another
                 history, but not one that fits your copies

Exit 0: every event is the one that was sealed, and in the tree that each checkpoint signs. Exit 1: names the first bad
number. Exit 2: cannot read.
"""

import base64
import hashlib
import sys
from array import array
from itertools import islice
from pathlib import Path
from typing import BinaryIO

Point = tuple[int, int, int, int]
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
DASH = "\u2014"
CHUNK = 8_192
SEAL_LINE = 65  # 64 hex digits and a newline


class Broken(Exception):
    """The ledger is not what was signed; `first` is the lowest number that may be at fault."""

    def __init__(self, first: int, words: str) -> None:
        super().__init__(words)
        self.first = first


# Ed25519


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


# The tree


class Tree:
    """RFC 6962 tree as its frontier: the root of one perfect subtree for each level, or None."""

    def __init__(self) -> None:
        self.size = 0
        self.levels: list[bytes | None] = []
        self.marks = array("Q")  # the first eight bytes of each leaf

    def extend(self, hashes: list[bytes]) -> None:
        """Add leaf hashes, a level at a time."""
        self.size += len(hashes)
        self.marks.extend(memoryview(b"".join(hashes)).cast("Q")[::4])
        level, sha256 = 0, hashlib.sha256
        while hashes:
            if level == len(self.levels):
                self.levels.append(None)
            if left := self.levels[level]:
                hashes = [left, *hashes]
            self.levels[level] = hashes.pop() if len(hashes) % 2 else None
            pairs = iter(hashes)
            hashes = [sha256(b"\x01" + one + other).digest() for one, other in zip(pairs, pairs, strict=False)]
            level += 1

    def root(self) -> bytes:
        """The root now."""
        root = b""
        for part in self.levels:
            if part:
                root = hashlib.sha256(b"\x01" + part + root).digest() if root else part
        return root or hashlib.sha256(b"").digest()


def repeated(marks: "array[int]") -> int | None:
    """Return the first place of what stood before, or None. Each event has an id of its own, so no two are alike."""
    if len(set(marks)) == len(marks):
        return None
    seen: set[int] = set()
    return next(at for at, mark in enumerate(marks) if mark in seen or seen.add(mark))  # type: ignore[func-returns-value]


# Checkpoints


def split(text: str) -> list[list[str]]:
    """Return the lines of each note; a note ends at a line of its signature."""
    notes: list[list[str]] = []
    lines: list[str] = []
    for line in text.splitlines():
        if lines or line:
            lines.append(line)
        if line.startswith(DASH + " "):
            notes.append(lines)
            lines = []
    return [*notes, lines] if lines else notes


def opened(lines: list[str], name: str, public: bytes) -> tuple[int, bytes]:
    """Return size and root of a note whose signature holds; raise ValueError otherwise."""
    try:
        dash, by, encoded = lines[-1].split(" ")
        signature = base64.b64decode(encoded)[4:]
        size, root = int(lines[1]), base64.b64decode(lines[2])
    except (ValueError, IndexError):
        raise ValueError("is no signed checkpoint") from None
    if (dash, by) != (DASH, name) or not signature_holds(public, ("\n".join(lines[:-2]) + "\n").encode(), signature):
        raise ValueError(f"of {size} events is not signed by the key of ledger.pub")
    return size, root


def stated(files: list[Path], verifier_key: str) -> tuple[dict[int, set[bytes]], int]:
    """Return the roots that the checkpoints state, by size, and how many there are. Raises Broken for a bad one."""
    name, _, encoded = verifier_key.strip().split("+", 2)
    public, seen = base64.b64decode(encoded)[1:], set()
    found: dict[int, set[bytes]] = {}
    for file in files:
        for place, lines in enumerate(split(file.read_text(encoding="utf-8")), 1):
            if (text := "\n".join(lines)) in seen:
                continue
            seen.add(text)
            try:
                size, root = opened(lines, name, public)
            except ValueError as why:
                raise Broken(max(found, default=0), f"checkpoint {place} of {file.name} {why}") from None
            found.setdefault(size, set()).add(root)
    return found, len(seen)


# The ledger


def grow(tree: Tree, events: BinaryIO, seals: BinaryIO, upto: int) -> int:
    """Add events to the tree until it has `upto`, each held against its seal; return how many there were."""
    sha256, began = hashlib.sha256, tree.size
    while tree.size < upto:
        lines = list(islice(events, min(CHUNK, upto - tree.size)))
        leaves = [sha256(b"\x00" + line.rstrip(b"\n")).digest() for line in lines]
        sealed = bytes.fromhex(seals.read(SEAL_LINE * len(lines)).decode("ascii"))
        if b"".join(leaves) != sealed:
            first = next(at for at, leaf in enumerate(leaves) if leaf != sealed[32 * at : 32 * at + 32])
            raise Broken(tree.size + first, "the event is not the one that was sealed under this number")
        tree.extend(leaves)
        if not lines:
            break
    return tree.size - began


def verify(folder: Path, copies: list[Path]) -> str:
    """Return what holds, in a sentence; raise Broken where something does not."""
    roots, held = stated([folder / "checkpoints.txt", *copies], (folder / "ledger.pub").read_text(encoding="utf-8"))
    tree, trusted = Tree(), 0
    with (folder / "events.jsonl").open("rb") as events, (folder / "seals.txt").open("rb") as seals:
        for size in sorted(roots):
            grow(tree, events, seals, size)
            if tree.size < size:
                raise Broken(tree.size, f"a checkpoint signs {size} events, the file holds {tree.size}")
            if roots[size] != {tree.root()}:
                raise Broken(trusted, f"an event from #{trusted} to #{size - 1} is not the one that was signed")
            trusted = size
        newer = grow(tree, events, seals, sys.maxsize)
        if seals.read(1):
            raise Broken(tree.size, "a seal is there, its event is gone")
    if (again := repeated(tree.marks)) is not None:
        raise Broken(again, "the event stands in the ledger before")
    newest = f"{newer} newer than the last checkpoint, root {tree.root().hex()}"
    return f"{trusted} events signed, {newest}; {held} checkpoints"


def main(words: list[str]) -> int:
    """Verify and return the exit code."""
    if any(word.startswith("-") for word in words):
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(words[0]) if words else Path(__file__).parent
    try:
        print(f"ok: {verify(folder, [Path(word) for word in words[1:]])}")
    except Broken as why:
        print(f"BROKEN at #{why.first}: {why}")
        return 1
    except (OSError, ValueError, IndexError) as why:
        print(f"cannot read: {why}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
