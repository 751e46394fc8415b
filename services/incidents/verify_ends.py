"""What the archive keeps of its facts, made anew beside them: ends of chains, trees, checkpoints, heads."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from schemas.catalogue import read_fact
from schemas.directory import Directory
from schemas.discards import Share
from schemas.exercise import Discarded
from schemas.subjects import parse_place
from schemas.vocabulary import Mode
from services.incidents.chain import Link
from services.incidents.projection import is_standing
from services.incidents.tables import CHAINS, CHECKPOINTS, INCIDENTS, NODES, TREES, as_bytes
from services.incidents.tree import TILE_LEVEL, Edge, leaf_hash


class Ends:
    """Grows with the facts of a mode; ``differ`` says what the tables have otherwise."""

    def __init__(self, engine: Engine, mode: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._mode = mode
        self._trees: dict[str, Edge] = {}
        self._nodes: dict[tuple[str, int, int], tuple[bytes, int]] = {}
        self._opened: dict[tuple[str, str], tuple[int, datetime]] = {}
        self._directory = Directory()
        self._signed: dict[str, dict[int, bytes]] = {}
        with self._engine.connect() as connection:
            for row in self._rows(connection, CHECKPOINTS):
                self._signed.setdefault(row.watch, {})[row.size] = as_bytes(row.root)

    def take(self, row: Any) -> str | None:
        """The next fact's row; what is wrong with it, if anything."""
        place = parse_place(row["subject"])
        if (place.key if place else "") != row["watch"] or (place.id if place else None) != row["about"]:
            return "FACT_CHANGED"
        if row["commitment"] is None and row["id"] is not None and _commits(as_bytes(row["raw"])):
            return "CONTENT_MISSING"
        if row["id"] is not None and place is not None:
            if (place.trade, place.fact) == ("incidents", "opened"):
                self._opened[place.key, place.id] = (row["sequence"], _recorded_at(row))
            elif self._mode == Mode.EXERCISE and is_standing(place):
                self._take_standing(read_fact(as_bytes(row["raw"]))[1])
        edge = self._trees.setdefault(row["watch"], Edge())
        for level, index, hash in edge.grow(leaf_hash(as_bytes(row["raw"])), TILE_LEVEL):
            self._nodes[row["watch"], level, index] = (hash, row["sequence"])
        signed = self._signed.get(row["watch"], {}).get(edge.size)
        return "CHECKPOINT_DIFFERS" if signed is not None and signed != edge.root() else None

    def _take_standing(self, body: Any) -> None:
        """What says who is who, and which heads ended with their exercise."""
        self._directory.apply(body)
        if isinstance(body, Discarded):
            share = Share.of(body, self._directory)
            kept = ((key, one) for key, one in self._opened.items() if not share.holds(key[0], one[1]))
            self._opened = dict(kept)

    def differ(self, chains: dict[tuple[str, str], Link]) -> str | None:
        """What the tables have otherwise, once all facts were taken."""
        with self._engine.connect() as connection:
            ends = {
                (row.watch, row.controller): (row.position, as_bytes(row.chain_hash))
                for row in self._rows(connection, CHAINS)
            }
            trees = {row.watch: (row.size, as_bytes(row.edge)) for row in self._rows(connection, TREES)}
            nodes = {
                (row.watch, row.level, row.place): (as_bytes(row.hash), row.last)
                for row in self._rows(connection, NODES)
            }
            heads = {(row.watch, row.id): row.sequence for row in self._rows(connection, INCIDENTS)}
        if ends != {key: (link.position, link.hash) for key, link in chains.items()}:
            return "CHAIN_BROKEN"
        if trees != {watch: (edge.size, edge.packed()) for watch, edge in self._trees.items()}:
            return "TREE_BROKEN"
        if nodes != self._nodes:
            return "TREE_BROKEN"
        sizes = {watch: edge.size for watch, edge in self._trees.items()}
        if any(max(signed) > sizes.get(watch, 0) for watch, signed in self._signed.items()):
            return "CHECKPOINT_DIFFERS"
        opened = {key: sequence for key, (sequence, _) in self._opened.items()}
        return None if heads == opened else "HEADS_DIFFER"

    def _rows(self, connection: Connection, table: sa.Table) -> Iterator[Any]:
        yield from connection.execute(sa.select(table).where(table.c.mode == self._mode))


def _recorded_at(row: Any) -> datetime:
    return datetime.fromisoformat(orjson.loads(as_bytes(row["raw"]))["time"])


def _commits(raw: bytes) -> bool:
    """True if the fact says that it has content."""
    return b'"commitment"' in raw and bool(orjson.loads(raw)["data"].get("commitment"))


def damaged_pages(engine: Engine) -> bool:
    """True if the database finds its own file out of form. PostgreSQL says so when it reads a page."""
    if engine.dialect.name != "sqlite":
        return False
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return bool(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok")
