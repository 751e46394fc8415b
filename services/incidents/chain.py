"""The hash chain over a watch's facts under one controller: nothing is changed, left out or put in unseen.

Pure. A chain covers facts only; content is bound to them by its commitment, so it can be erased (D16).
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: how many facts it has, and the hash over all of them."""

    position: int
    hash: bytes


def beginning(mode: str, watch: str, controller: str) -> Link:
    """The end of a chain that has no facts yet; it binds the chain to its key."""
    key = "\n".join(("samvirke-chain-1", mode, watch, controller))
    return Link(0, hashlib.sha256(key.encode()).digest())


def fact_hash(raw: bytes) -> bytes:
    """SHA-256 of a fact's exact bytes."""
    return hashlib.sha256(raw).digest()


def extend(end: Link, fact: bytes) -> Link:
    """The chain with one more fact, given by its hash: SHA-256(former hash ‖ fact hash)."""
    return Link(end.position + 1, hashlib.sha256(end.hash + fact).digest())
