"""Building one log's tree anew from the lines of an export; the first that is not as signed is named.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.incidents.checkpoint import Signed
from services.incidents.evidence_format import BLOCK, blocks_of, part_hash
from services.incidents.tree import Edge, Span, full_nodes

_BLOCK_LEVEL = BLOCK.bit_length() - 1


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is not as it was signed.

    ``what``: LINE (a line cannot be read: ``leaf`` is its number in the file ``log``), KEY (a checkpoint is
    not signed by this key), PROOF (the proof does not fit its own tree), FACT_CHANGED, FACT_MISSING,
    FACT_EXTRA, FACTS_DIFFER (somewhere from ``leaf`` to before ``until``), ROOT (the whole differs from the
    signed root), CHECKPOINT (an earlier checkpoint differs), HELD_DIFFERS and CUT (against a checkpoint held
    elsewhere), CONTENT_CHANGED, CONTENT_MISSING (without having been erased).
    """

    what: str
    log: str
    leaf: int = 0
    until: int = 0


class Found(Exception):
    """Carries a finding out of the loops."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding


class LogCheck:
    """One log's tree, built from its lines; ``proved`` counts the checkpoints that it came to."""

    def __init__(
        self, signed: Signed, spans: Sequence[Span], hashes: Sequence[bytes], blocks: Sequence[bytes]
    ) -> None:
        self.signed = signed
        self.proved = self.unproved = 0
        self._log = signed.checkpoint.log
        self._edge = Edge()
        self._hashes = iter(hashes)
        self._blocks = iter(blocks)
        _require_ascending(self._log, spans, signed.checkpoint.size)
        self._parts = iter([part for _, part in blocks_of(spans)])
        self._part: Span | None = None
        self._leaves: list[bytes] = []
        self._next = -1
        self._expected: dict[int, list[tuple[bytes, str]]] = {}
        self._begin_part()

    def expect(self, size: int, root: bytes, what: str) -> None:
        """Hold the tree against another checkpoint too, named ``what`` when it differs. Raises Found."""
        if size > self.signed.checkpoint.size:
            raise Found(Finding("CUT", self._log, self.signed.checkpoint.size, size))
        self._expected.setdefault(size, []).append((root, what))

    def take(self, leaf: int, hash: bytes, stated: bytes) -> None:
        """The next line. Raises Found."""
        if leaf != self._next:
            what = "FACT_MISSING" if 0 <= self._next < leaf else "FACT_EXTRA"
            raise Found(Finding(what, self._log, self._next if what == "FACT_MISSING" else leaf))
        if hash != stated:
            raise Found(Finding("FACT_CHANGED", self._log, leaf))
        self._leaves.append(hash)
        self._next = leaf + 1
        if self._part is not None and self._next == self._part[1]:
            self._end_part(self._part)
            self._begin_part()

    def end(self) -> None:
        """After the last line. Raises Found."""
        if self._next >= 0:
            raise Found(Finding("FACT_MISSING", self._log, self._next))
        root = self.signed.checkpoint.root
        if next(self._hashes, None) is not None or next(self._blocks, None) is not None:
            raise Found(Finding("PROOF", self._log))
        if self._edge.root() != root:
            raise Found(Finding("ROOT", self._log, 0, self._edge.size))
        self.proved += 1
        self.unproved += sum(len(left) for left in self._expected.values())

    def _begin_part(self) -> None:
        """Go on to the next leaves, over the nodes of those that are not exported."""
        self._part = next(self._parts, None)
        self._leaves = []
        begin = self.signed.checkpoint.size if self._part is None else self._part[0]
        for level, _ in full_nodes(self._edge.size, begin):
            hash = next(self._hashes, None)
            if hash is None:
                raise Found(Finding("PROOF", self._log))
            self._edge.append_node(level, hash)
            self._look(self._edge, self._edge.size)
        self._next = -1 if self._part is None else begin

    def _end_part(self, part: Span) -> None:
        """Hold the leaves against their block, and put them on the tree."""
        found = part_hash(iter(self._leaves))
        if next(self._blocks, None) != found:
            raise Found(Finding("FACTS_DIFFER", self._log, *part))
        if self._expected:
            self._look_within(part)
        if part[1] - part[0] == BLOCK:
            self._edge.append_node(_BLOCK_LEVEL, found)
        else:
            for hash in self._leaves:
                self._edge.append(hash)

    def _look_within(self, part: Span) -> None:
        edge = self._edge.copy()
        self._look(edge, part[0])
        for size, hash in enumerate(self._leaves, part[0] + 1):
            edge.append(hash)
            self._look(edge, size)

    def _look(self, edge: Edge, size: int) -> None:
        for root, what in self._expected.pop(size, ()):
            if edge.root() != root:
                raise Found(Finding(what, self._log, 0, size))
            self.proved += 1


def _require_ascending(log: str, spans: Sequence[Span], size: int) -> None:
    at = 0
    for begin, end in spans:
        if not at <= begin < end <= size:
            raise Found(Finding("PROOF", log, begin, end))
        at = end
