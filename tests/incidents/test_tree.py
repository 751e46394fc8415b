"""The trees of RFC 6962, against its definitions written out."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.incidents.tree import (
    EMPTY,
    Edge,
    Misplaced,
    Node,
    consistency_spans,
    gaps,
    inclusion_spans,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    span_hash,
)

_SIZES = st.integers(1, 300)
_VECTORS = (
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
)


def _leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def _root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(_root(leaves[:half]), _root(leaves[half:]))


def _hash_of(leaves: list[bytes], node: Node) -> bytes:
    level, index = node
    return _root(leaves[index << level : (index + 1) << level])


def _proof(leaves: list[bytes], spans: list[tuple[int, int]]) -> list[bytes]:
    return [span_hash(span, lambda node: _hash_of(leaves, node)) for span in spans]


def test_the_trees_of_the_test_vectors_that_logs_share_have_their_roots() -> None:
    edge = Edge()
    for raw in _VECTORS:
        edge.append(leaf_hash(raw))
    assert edge.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert (
        Edge().root()
        == EMPTY
        == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    )


@given(_SIZES)
def test_a_tree_grown_leaf_by_leaf_has_the_root_of_the_definition(size: int) -> None:
    edge, leaves = Edge(), _leaves(size)
    made: dict[Node, bytes] = {}
    for hash in leaves:
        made |= {(level, index): found for level, index, found in edge.grow(hash, 1)}
    assert edge.root() == _root(leaves)
    assert made == {node: _hash_of(leaves, node) for node in made}
    assert len(made) == size - size.bit_count()
    assert Edge.unpacked(size, edge.packed()).root() == edge.root()


@given(_SIZES, st.data())
def test_an_inclusion_proof_shows_one_leaf_at_its_place_and_no_other(size: int, data: st.DataObject) -> None:
    leaf = data.draw(st.integers(0, size - 1))
    leaves = _leaves(size)
    proof, root = _proof(leaves, inclusion_spans(leaf, size)), _root(leaves)
    assert is_included(leaves[leaf], leaf, size, proof, root)
    assert not is_included(leaf_hash(b"other"), leaf, size, proof, root)
    assert not is_included(leaves[leaf], leaf, size, [*proof, EMPTY], root)
    assert not is_included(leaves[leaf], leaf + size, size, proof, root)
    other = data.draw(st.integers(0, size - 1))
    assert (other == leaf) == is_included(leaves[leaf], other, size, proof, root)


@given(_SIZES, st.data())
def test_a_consistency_proof_shows_that_a_tree_only_grew(size: int, data: st.DataObject) -> None:
    former = data.draw(st.integers(1, size))
    leaves = _leaves(size)
    proof = _proof(leaves, consistency_spans(former, size))
    old, new = _root(leaves[:former]), _root(leaves)
    assert is_consistent(former, size, proof, old, new)
    assert is_consistent(0, size, [], EMPTY, new)
    changed = _root([leaf_hash(b"other"), *leaves[1:former]])
    assert not is_consistent(former, size, proof, changed, new)
    assert not is_consistent(former, size, proof, old, changed) or changed == new
    assert not is_consistent(former, size, [*proof, EMPTY], old, new)
    assert not is_consistent(size + 1, size, proof, old, new)


@given(_SIZES, st.data())
def test_any_leaves_and_the_nodes_between_them_make_up_the_tree(size: int, data: st.DataObject) -> None:
    chosen = sorted(data.draw(st.sets(st.integers(0, size - 1), max_size=20)))
    spans = [(leaf, leaf + 1) for leaf in chosen]
    leaves, edge = _leaves(size), Edge()
    nodes = [*gaps(spans, size), *((0, leaf) for leaf in chosen)]
    for level, index in sorted(nodes, key=lambda node: node[1] << node[0]):
        edge.append_node(level, _hash_of(leaves, (level, index)))
    assert (edge.size, edge.root()) == (size, _root(leaves))


def test_a_node_begins_only_where_its_size_does() -> None:
    edge = Edge()
    edge.append(leaf_hash(b""))
    with pytest.raises(Misplaced):
        edge.append_node(1, EMPTY)


def test_an_edge_with_a_hash_too_few_is_none() -> None:
    with pytest.raises(ValueError, match="as many hashes"):
        Edge.unpacked(3, EMPTY)
