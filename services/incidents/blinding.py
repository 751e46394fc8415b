"""Heads that neighbours keep of an organisation's checkpoints, and that tell nothing until they are opened.

Pure. At each round the checkpoints of all the organisation's watches, each with a salt of its own, are the
leaves of a small tree, filled up with leaves of chance. Its root is the blinded head: it is new at every
round and says neither how many watches there are nor whether anything happened (D13). A watch opens it for
its own checkpoint by telling note, salt, place and path; nothing of the other watches is told.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from services.incidents.tree import Edge, Node, inclusion_spans, is_included, leaf_hash, node_hash, span_hash

_LEAST = 16
_PURPOSE = b"samvirke-blinding-1"


@dataclass(frozen=True, slots=True)
class Opening:
    """What shows that a head was made of a checkpoint: its note, the salt, and the way to the root."""

    note: str
    salt: bytes
    leaf: int
    size: int
    path: tuple[bytes, ...]


def blinded_head(seed: bytes, organisation: str, at: int, notes: Mapping[str, str]) -> bytes:
    """The head over the notes of an organisation's watches at a round; the same each time."""
    edge = Edge()
    for hash in _leaves(seed, organisation, at, notes):
        edge.append(hash)
    return edge.root()


def opening(seed: bytes, organisation: str, at: int, notes: Mapping[str, str], watch: str) -> Opening:
    """What opens that head for one watch. Raises KeyError when the watch had no checkpoint."""
    leaves = _leaves(seed, organisation, at, notes)
    salt = _salt(seed, watch, at)
    leaf = leaves.index(leaf_hash(salt + notes[watch].encode()))

    def hash_of(node: Node) -> bytes:
        level, index = node
        hashes = leaves[index << level : (index + 1) << level]
        while len(hashes) > 1:
            hashes = [node_hash(*hashes[place : place + 2]) for place in range(0, len(hashes), 2)]
        return hashes[0]

    path = tuple(span_hash(span, hash_of) for span in inclusion_spans(leaf, len(leaves)))
    return Opening(notes[watch], salt, leaf, len(leaves), path)


def opens(found: Opening, head: bytes) -> bool:
    """True if the head was made of that note."""
    hash = leaf_hash(found.salt + found.note.encode())
    return is_included(hash, found.leaf, found.size, found.path, head)


def _leaves(seed: bytes, organisation: str, at: int, notes: Mapping[str, str]) -> list[bytes]:
    """In the order of their hashes, so that a place tells nothing."""
    found = [leaf_hash(_salt(seed, watch, at) + note.encode()) for watch, note in notes.items()]
    size = max(_LEAST, 1 << (len(found) - 1).bit_length())
    return sorted(found + [_salt(seed, f"{organisation}/{place}", at) for place in range(size - len(found))])


def _salt(seed: bytes, name: str, at: int) -> bytes:
    key = hmac.digest(seed, _PURPOSE, hashlib.sha256)
    return hmac.digest(key, f"{name}\n{at}".encode(), hashlib.sha256)
