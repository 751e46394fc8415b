"""Exact facts in the order of their leaves, and what binds them to a signed checkpoint (docs/evidence.md)."""

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from services.incidents.evidence_format import (
    CHECKPOINTS,
    FACTS,
    PROOFS,
    checkpoint_line,
    fact_line,
    proof_line,
    spans_of,
)
from services.incidents.tree import Node, gaps, leaf_hash

_NODES = 4000
"""How many hashes are asked for at once."""

Withhold = Callable[[bytes], str | None]
"""The ground on which a fact's content is left out, or None."""


class Bound:
    """Facts of one log as they come, incident by incident; ``finish`` puts them in order and proves them.

    In memory are a fact's number, place and leaf hash, some 70 bytes each; their text lies on disk.
    """

    def __init__(
        self, folder: Path, checkpoint: dict[str, Any], withhold: Withhold = lambda raw: None
    ) -> None:
        self._folder = folder
        self._checkpoint = checkpoint
        self._withhold = withhold
        self.size: int = checkpoint["size"]
        self.watch: str = checkpoint["log"].rpartition("/")[2]
        self._path = folder / f".{FACTS}"
        self._file = self._path.open("wb")
        self._leaves, self._places, self._lengths = array("q"), array("q"), array("q")
        self._hashes = bytearray()

    @property
    def count(self) -> int:
        """How many facts there are."""
        return len(self._leaves)

    def add(self, leaf: int, raw: bytes, sealed: str | None) -> None:
        """Take in a fact with its content, which is in hexadecimal."""
        content = None if sealed is None else bytes.fromhex(sealed)
        withheld = None if content is None else self._withhold(raw)
        line = fact_line(self._checkpoint["log"], leaf, raw, content, withheld) + b"\n"
        self._leaves.append(leaf)
        self._places.append(self._file.tell())
        self._lengths.append(len(line))
        self._hashes += leaf_hash(raw)
        self._file.write(line)

    def close(self) -> None:
        """Let the file go, also when nothing came of it."""
        self._file.close()

    async def finish(self, ask: Callable[..., Any]) -> None:
        """Write facts, proof and earlier checkpoints; nothing where no fact may be told exactly."""
        self._file.close()
        order = sorted(range(self.count), key=self._leaves.__getitem__)
        if order:
            self._sort(order)
            leaves = [self._leaves[at] for at in order]
            hashes = await self._missing(ask, leaves)
            self._prove(order, leaves, hashes)
        self._path.unlink()

    def _sort(self, order: Sequence[int]) -> None:
        with self._path.open("rb") as lines, (self._folder / FACTS).open("wb") as facts:
            for at in order:
                lines.seek(self._places[at])
                facts.write(lines.read(self._lengths[at]))

    async def _missing(self, ask: Callable[..., Any], leaves: Sequence[int]) -> dict[Node, bytes]:
        nodes = list(gaps(spans_of(leaves), self.size))
        found: dict[Node, bytes] = {}
        for start in range(0, len(nodes), _NODES):
            part = nodes[start : start + _NODES]
            answer = await ask("export_proof", nodes=[list(node) for node in part])
            found |= zip(part, map(bytes.fromhex, answer["hashes"]), strict=True)
        return found

    def _prove(self, order: Sequence[int], leaves: Sequence[int], missing: dict[Node, bytes]) -> None:
        places = dict(zip(leaves, order, strict=True))

        def hash_of(node: Node) -> bytes:
            level, index = node
            if level == 0 and index in places:
                return bytes(self._hashes[places[index] * 32 : places[index] * 32 + 32])
            return missing[node]

        told = self._checkpoint
        line = proof_line(told["log"], told["checkpoint"], self.size, leaves, hash_of)
        (self._folder / PROOFS).write_bytes(line + b"\n")
        earlier = b"".join(checkpoint_line(note) + b"\n" for note in told["earlier"])
        if earlier:
            (self._folder / CHECKPOINTS).write_bytes(earlier)
