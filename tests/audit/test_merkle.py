import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle


def naive_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(n).encode()) for n in range(size)]


def test_the_root_of_the_rfc_test_vectors_holds() -> None:
    bodies = [
        bytes.fromhex(h)
        for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
    ]
    root = merkle.tree_root(merkle.leaf_hash(body) for body in bodies)
    assert root.hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.integers(0, 70))
def test_the_frontier_gives_the_root_of_the_definition(size: int) -> None:
    assert merkle.tree_root(leaves_of(size)) == naive_root(leaves_of(size))


@given(st.integers(1, 70), st.data())
def test_an_inclusion_path_leads_to_the_root_and_no_other_leaf_does(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(leaves, index)
    assert merkle.root_from_path(leaves[index], index, size, path) == naive_root(leaves)
    assert merkle.root_from_path(merkle.leaf_hash(b"other"), index, size, path) != naive_root(leaves)


@given(st.integers(0, 200), st.integers(0, 50))
def test_a_stored_frontier_goes_on_where_it_stopped(size: int, more: int) -> None:
    leaves = leaves_of(size + more)
    frontier = merkle.Frontier()
    for leaf in leaves[:size]:
        frontier.append(leaf)
    frontier = merkle.Frontier.load(frontier.size, frontier.dump())
    for leaf in leaves[size:]:
        frontier.append(leaf)
    assert frontier.root() == merkle.tree_root(leaves)


def test_a_frontier_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="frontier nodes"):
        merkle.Frontier(3, [b"x" * 32])
