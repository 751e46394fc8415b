"""Reading the trees that the archive keeps: any node, any former root, and the proofs made of them."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from services.incidents.tables import FACTS, NODES, TREES
from services.incidents.tree import (
    TILE_LEVEL,
    Edge,
    Node,
    consistency_spans,
    full_nodes,
    inclusion_spans,
    leaf_hash,
    node_hash,
    span_hash,
)

_TILE = 1 << TILE_LEVEL
_TILES_KEPT = 8


class Trees:
    """Every watch's tree, in the archive's tables. Each call is a snapshot of its own."""

    def __init__(self, engine: Engine) -> None:
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    def edges(self, mode: str) -> dict[str, Edge]:
        """Each watch's tree as it is now."""
        with self._reading.connect() as connection:
            rows = connection.execute(sa.select(TREES).where(TREES.c.mode == mode)).all()
        return {row.watch: Edge.unpacked(row.size, row.edge) for row in rows if row.watch}

    def edge(self, mode: str, watch: str) -> Edge:
        """A watch's tree as it is now; empty before its first fact."""
        query = sa.select(TREES).where(TREES.c.mode == mode, TREES.c.watch == watch)
        with self._reading.connect() as connection:
            row = connection.execute(query).first()
        return Edge() if row is None else Edge.unpacked(row.size, row.edge)

    def tree(self, mode: str, watch: str) -> "Tree":
        """A watch's tree for looking into."""
        return Tree(self._reading, mode, watch)


class Tree:
    """One watch's tree. The tiles last looked at stay in memory."""

    def __init__(self, reading: Engine, mode: str, watch: str) -> None:
        self._reading = reading
        self._mode = mode
        self._watch = watch
        self._tiles: OrderedDict[int, list[bytes]] = OrderedDict()

    def hash_of(self, node: Node) -> bytes:
        """The hash of a full node. Raises KeyError when the tree is not so large."""
        level, index = node
        if level >= TILE_LEVEL:
            return self._kept(level, index)
        first = (index << level) % _TILE
        hashes = self._tile((index << level) // _TILE)[first : first + (1 << level)]
        if len(hashes) < 1 << level:
            raise KeyError(node)
        while len(hashes) > 1:
            hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    def edge_at(self, size: int) -> Edge:
        """The tree as it was when it had ``size`` leaves. Raises KeyError when it never had."""
        return Edge(size, [self.hash_of(node) for node in full_nodes(0, size)])

    def inclusion(self, leaf: int, size: int) -> list[bytes]:
        """The proof that the tree of that size has the leaf at its place. Raises ValueError, KeyError."""
        return [span_hash(span, self.hash_of) for span in inclusion_spans(leaf, size)]

    def consistency(self, former: int, size: int) -> list[bytes]:
        """The proof that the larger tree begins with the smaller. Raises ValueError, KeyError."""
        return [span_hash(span, self.hash_of) for span in consistency_spans(former, size)]

    def leaves_of(self, sequences: Iterable[int]) -> dict[int, int]:
        """The leaves of facts of this watch, by their place in the ledger; others are left out."""
        wanted = sorted(set(sequences))
        found: dict[int, int] = {}
        at = 0
        while at < len(wanted):
            tile, members = self._members_around(wanted[at])
            places = {sequence: tile * _TILE + place for place, sequence in enumerate(members)}
            last = members[-1] if members else wanted[at]
            before = at
            while at < len(wanted) and (wanted[at] <= last or at == before):
                if wanted[at] in places:
                    found[wanted[at]] = places[wanted[at]]
                at += 1
        return found

    def _members_around(self, sequence: int) -> tuple[int, Sequence[int]]:
        """The tile in which a fact would lie, and the sequences of the facts in it."""
        tiles = (NODES.c.mode == self._mode, NODES.c.watch == self._watch, NODES.c.level == TILE_LEVEL)
        query = sa.select(sa.func.count()).select_from(NODES).where(*tiles, NODES.c.last < sequence)
        with self._reading.connect() as connection:
            tile = int(connection.execute(query).scalar_one())
        return tile, [row.sequence for row in self._facts(tile, FACTS.c.sequence)]

    def _tile(self, tile: int) -> list[bytes]:
        """The leaf hashes of a tile, made from the facts."""
        hashes = self._tiles.get(tile)
        if hashes is None or len(hashes) < _TILE:
            hashes = [leaf_hash(bytes(row.raw)) for row in self._facts(tile, FACTS.c.raw)]
            self._tiles[tile] = hashes
            while len(self._tiles) > _TILES_KEPT:
                self._tiles.popitem(last=False)
        return hashes

    def _facts(self, tile: int, column: sa.ColumnElement[Any]) -> Sequence[sa.Row[Any]]:
        query = sa.select(column).where(FACTS.c.mode == self._mode, FACTS.c.watch == self._watch)
        if tile:
            before = self._row(TILE_LEVEL, tile - 1)
            if before is None:
                return []
            query = query.where(FACTS.c.sequence > before.last)
        with self._reading.connect() as connection:
            return connection.execute(query.order_by(FACTS.c.sequence).limit(_TILE)).all()

    def _kept(self, level: int, index: int) -> bytes:
        row = self._row(level, index)
        if row is None:
            raise KeyError(level, index)
        return bytes(row.hash)

    def _row(self, level: int, index: int) -> Any:
        where = (NODES.c.mode == self._mode, NODES.c.watch == self._watch)
        query = sa.select(NODES.c.hash, NODES.c.last).where(*where, NODES.c.level == level)
        with self._reading.connect() as connection:
            return connection.execute(query.where(NODES.c.place == index)).first()
