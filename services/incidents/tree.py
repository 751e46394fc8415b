"""Merkle trees of RFC 6962 over a watch's facts: what was in the log then is in it now, and nothing else.

Pure. A leaf is a fact's exact bytes, never content: content is bound to it by its commitment (D16). A node
is named by its level (0 is a leaf) and its index: it covers the leaves from ``index << level`` on. Only full
nodes are named; a tree whose size is no power of two is a row of full nodes, its edge.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

HASH_BYTES = 32
EMPTY = hashlib.sha256().digest()
"""The root of a tree without leaves (RFC 6962, 2.1)."""

TILE_LEVEL = 8
"""Nodes of this level (256 leaves) and above are kept; those below are made from the facts again."""

Span = tuple[int, int]
"""Leaves from the first up to, and without, the second."""
Node = tuple[int, int]
"""Level and index."""


class Misplaced(ValueError):
    """A full node was put where none of its size begins."""


def leaf_hash(raw: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 ‖ bytes)."""
    return hashlib.sha256(b"\x00" + raw).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Edge:
    """The right edge of a growing tree: one hash for each bit that is set in ``size``, the largest first."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def append(self, hash: bytes) -> None:
        """Add one leaf, given by its hash: at most log2(size) hashes are made."""
        size, hashes = self.size, self.hashes
        self.size = size + 1
        while size & 1:
            hash = hashlib.sha256(b"\x01" + hashes.pop() + hash).digest()
            size >>= 1
        hashes.append(hash)

    def grow(self, hash: bytes, least: int) -> list[tuple[int, int, bytes]]:
        """Add one leaf; the full nodes from level ``least`` up that it completes: level, index, hash."""
        at, level, made = self.size, 0, []
        self.size += 1
        while at & 1:
            hash = node_hash(self.hashes.pop(), hash)
            at, level = at >> 1, level + 1
            if level >= least:
                made.append((level, at, hash))
        self.hashes.append(hash)
        return made

    def append_node(self, level: int, hash: bytes) -> None:
        """Add a whole full node. Raises Misplaced when none of that level begins here."""
        if self.size & ((1 << level) - 1):
            raise Misplaced(self.size, level)
        at = self.size >> level
        self.size += 1 << level
        while at & 1:
            hash = node_hash(self.hashes.pop(), hash)
            at >>= 1
        self.hashes.append(hash)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self.hashes:
            return EMPTY
        found = self.hashes[-1]
        for hash in reversed(self.hashes[:-1]):
            found = node_hash(hash, found)
        return found

    def copy(self) -> "Edge":
        """An edge of its own."""
        return Edge(self.size, self.hashes.copy())

    def packed(self) -> bytes:
        """The hashes in one piece."""
        return b"".join(self.hashes)

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> "Edge":
        """The edge of ``packed``. Raises ValueError when it is not that of a tree of that size."""
        if len(packed) != HASH_BYTES * size.bit_count():
            raise ValueError("not as many hashes as the size has bits")
        return cls(size, [packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)])


def full_nodes(begin: int, end: int) -> Iterator[Node]:
    """The fewest full nodes that cover these leaves, from left to right."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def span_hash(span: Span, hash_of: Callable[[Node], bytes]) -> bytes:
    """The hash over the leaves of a span that RFC 6962 makes: a full node, or all up to the tree's end."""
    edge = Edge()
    for level, index in full_nodes(*span):
        edge.hashes.append(hash_of((level, index)))
    return edge.root()


def inclusion_spans(leaf: int, size: int) -> list[Span]:
    """What an inclusion proof of a leaf consists of, in its order (RFC 6962, 2.1.1).

    Raises ValueError when the tree has no such leaf.
    """
    if not 0 <= leaf < size:
        raise ValueError("the tree has no such leaf")
    begin, end, found = 0, size, list[Span]()
    while end - begin > 1:
        middle = begin + _left(end - begin)
        if leaf < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return found[::-1]


def consistency_spans(former: int, size: int) -> list[Span]:
    """What a consistency proof between two sizes consists of, in its order (RFC 6962, 2.1.2).

    Raises ValueError unless 0 < former <= size.
    """
    if not 0 < former <= size:
        raise ValueError("the former tree is empty or larger")
    begin, end, whole, found = 0, size, True, list[Span]()
    while former != end:
        middle = begin + _left(end - begin)
        if former <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin, whole = middle, False
    if not whole:
        found.append((begin, end))
    return found[::-1]


def is_included(hash: bytes, leaf: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True if the proof shows that the leaf of this hash has this place in the tree of this root."""
    try:
        spans = inclusion_spans(leaf, size)
    except ValueError:
        return False
    if len(spans) != len(proof):
        return False
    for (begin, _), beside in zip(spans, proof, strict=True):
        hash = node_hash(beside, hash) if begin < leaf else node_hash(hash, beside)
    return hash == root


def is_consistent(former: int, size: int, proof: Sequence[bytes], root: bytes, new_root: bytes) -> bool:
    """True if the proof shows that the tree of ``new_root`` begins with the leaves of that of ``root``."""
    if former == 0:
        return not proof and root == EMPTY
    try:
        spans = consistency_spans(former, size)
    except ValueError:
        return False
    if len(spans) != len(proof):
        return False
    hashes = list(proof)
    is_first_proved = bool(spans) and spans[0][1] == former
    old = new = hashes.pop(0) if is_first_proved else root
    for (begin, _), beside in zip(spans[is_first_proved:], hashes, strict=True):
        if begin < former:
            old, new = node_hash(beside, old), node_hash(beside, new)
        else:
            new = node_hash(new, beside)
    return (old, new) == (root, new_root)


def gaps(spans: Sequence[Span], size: int) -> Iterator[Node]:
    """The full nodes that make up a tree with the leaves of these ascending spans: what a proof brings."""
    at = 0
    for begin, end in spans:
        yield from full_nodes(at, begin)
        at = end
    yield from full_nodes(at, size)


def _left(size: int) -> int:
    """The largest power of two below the size: the leaves of the left half."""
    return 1 << (size - 1).bit_length() - 1
