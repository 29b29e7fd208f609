"""RFC 6962 Merkle tree over leaf hashes, kept as its frontier: the roots of the perfect subtrees, largest first."""

import hashlib
from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(body: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ body)."""
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The state of a tree of `size` leaves: at most 64 hashes, enough to append and to give the root."""

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.nodes = list(nodes)
        if len(self.nodes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} frontier nodes, not {len(self.nodes)}")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash: as many merges as the old size has trailing one bits."""
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self.nodes.pop(), carry)
            size >>= 1
        self.nodes.append(carry)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes, a level of the tree at a time, in two thirds of the time that one by one takes."""
        kept: list[bytes] = []
        size, hashes = self.size, list(leaves)
        while hashes or size:
            if size & 1:
                hashes = [self.nodes.pop(), *hashes]
            if len(hashes) % 2:
                kept.append(hashes.pop())
            pairs = iter(hashes)
            hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
            size >>= 1
        self.nodes = [*self.nodes, *reversed(kept)]
        self.size += len(leaves)

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    def dump(self) -> bytes:
        """Return the nodes one after the other, 32 bytes each."""
        return b"".join(self.nodes)

    @classmethod
    def load(cls, size: int, data: bytes) -> "Frontier":
        """Return the frontier that `dump` wrote for a tree of `size` leaves."""
        return cls(size, [data[at : at + 32] for at in range(0, len(data), 32)])


def inclusion_path(leaves: list[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index` (RFC 6962 §2.1.1), nearest sibling first."""
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*inclusion_path(leaves[:split], index), tree_root(leaves[split:])]
    return [*inclusion_path(leaves[split:], index - split), tree_root(leaves[:split])]


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over `leaves`."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def root_from_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that `path` proves for `leaf` at `index` of `size` (RFC 9162 §2.1.3.2).

    Raises ValueError where the path's length does not fit.
    """
    if not 0 <= index < size:
        raise ValueError("index outside the tree")
    at, last, root = index, size - 1, leaf
    for node in path:
        if last == 0:
            raise ValueError("path too long")
        if at & 1 or at == last:
            root = node_hash(node, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, node)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("path too short")
    return root
