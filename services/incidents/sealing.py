"""Checkpoints: made at a fixed cadence for every watch, kept, and looked up."""

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from services.incidents import bulk
from services.incidents.blinding import Opening, blinded_head, opening
from services.incidents.checkpoint import Checkpoint, Signed, key_hash, log_name, public_key, sign
from services.incidents.tables import CHECKPOINTS
from services.incidents.tree import Edge
from services.incidents.trees import Trees
from services.runtime.credentials import write_durably

KEY = "log.key"
KEPT_ALL_S = 7 * 24 * 3600
"""For so long every checkpoint is kept; of older ones, those at which a log had grown."""
_DAY_S = 24 * 3600
_SEED_BYTES = 32


def signing_seed(home: Path) -> bytes:
    """The hub's key for checkpoints, made when there is none yet; it lies on disk when this returns."""
    file = home / "keys" / KEY
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(file, os.urandom(_SEED_BYTES))
    return file.read_bytes()


@dataclass(frozen=True, slots=True)
class Round:
    """The checkpoints of one mode that were made at one moment, by watch."""

    mode: str
    at: int
    made: dict[str, Signed]


class Checkpoints:
    """The archive's checkpoints, signed with ``seed``."""

    def __init__(self, engine: Engine, seed: bytes) -> None:
        self._engine = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._trees = Trees(engine)
        self._seed = seed
        self._heads: dict[str, tuple[int, dict[str, bytes]]] = {}
        self.public = public_key(seed)

    def make(self, mode: str, watches: set[str], at: int) -> Round:
        """Sign every watch's tree as it is, those of ``watches`` even when they have no fact yet."""
        edges = self._trees.edges(mode)
        made = {
            watch: self._sign(mode, watch, edges.get(watch) or Edge(), at) for watch in watches | edges.keys()
        }
        rows = [
            (mode, watch, at, signed.checkpoint.size, signed.checkpoint.root, signed.signature)
            for watch, signed in sorted(made.items())
        ]
        with self._engine.begin() as connection:
            known = sa.select(CHECKPOINTS.c.at).where(CHECKPOINTS.c.mode == mode, CHECKPOINTS.c.at >= at)
            if connection.execute(known.limit(1)).first() is None:
                bulk.insert(connection, CHECKPOINTS, rows)
                _thin(connection, mode, at - KEPT_ALL_S)
        return Round(mode, at, made)

    def now(self, mode: str, watch: str, at: int) -> Signed:
        """A checkpoint of a watch's tree as it is at this moment; it is not kept."""
        return self._sign(mode, watch, self._trees.edge(mode, watch), at)

    def last_round(self, mode: str) -> int:
        """When the newest checkpoints were made; 0 before the first."""
        query = sa.select(sa.func.max(CHECKPOINTS.c.at)).where(CHECKPOINTS.c.mode == mode)
        with self._reading.connect() as connection:
            return connection.execute(query).scalar() or 0

    def listing(self, mode: str, watch: str, before: int, most: int) -> list[Signed]:
        """A watch's checkpoints made before that moment, the newest first."""
        where = (CHECKPOINTS.c.mode == mode, CHECKPOINTS.c.watch == watch, CHECKPOINTS.c.at < before)
        query = sa.select(CHECKPOINTS).where(*where).order_by(CHECKPOINTS.c.at.desc()).limit(most)
        with self._reading.connect() as connection:
            rows = connection.execute(query).all()
        return [self._read(row) for row in rows]

    def grown(self, mode: str, watch: str, until: int) -> list[Signed]:
        """For each size that a watch's tree was signed at, the first checkpoint, up to a size; ascending."""
        first = sa.select(sa.func.min(CHECKPOINTS.c.at)).where(
            CHECKPOINTS.c.mode == mode, CHECKPOINTS.c.watch == watch, CHECKPOINTS.c.size.between(1, until)
        )
        where = (CHECKPOINTS.c.mode == mode, CHECKPOINTS.c.watch == watch)
        query = sa.select(CHECKPOINTS).where(*where, CHECKPOINTS.c.at.in_(first.group_by(CHECKPOINTS.c.size)))
        with self._reading.connect() as connection:
            rows = connection.execute(query.order_by(CHECKPOINTS.c.at)).all()
        return [self._read(row) for row in rows]

    def standing(self, mode: str, at: int) -> dict[str, dict[str, str]]:
        """The notes of a round's checkpoints by organisation and watch, made again from what is kept."""
        newest = sa.select(CHECKPOINTS.c.watch, sa.func.max(CHECKPOINTS.c.at).label("newest"))
        newest = newest.where(CHECKPOINTS.c.mode == mode, CHECKPOINTS.c.at <= at)
        of = newest.group_by(CHECKPOINTS.c.watch).subquery()
        both = sa.and_(CHECKPOINTS.c.watch == of.c.watch, CHECKPOINTS.c.at == of.c.newest)
        query = sa.select(CHECKPOINTS).join(of, both).where(CHECKPOINTS.c.mode == mode)
        with self._reading.connect() as connection:
            rows = connection.execute(query).all()
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            checkpoint = Checkpoint(log_name(mode, row.watch), row.size, bytes(row.root), at)
            notes = found.setdefault(row.watch.partition(".")[0], {})
            notes[row.watch] = sign(checkpoint, self._seed).note()
        return found

    def heads(self, mode: str, at: int) -> dict[str, bytes]:
        """Each organisation's blinded head of a round."""
        if self._heads.get(mode, (-1, {}))[0] != at:
            found = self.standing(mode, at).items()
            made = {org: blinded_head(self._seed, org, at, notes) for org, notes in found}
            self._heads[mode] = (at, made)
        return self._heads[mode][1]

    def opening(self, mode: str, watch: str, at: int) -> Opening:
        """What opens the blinded head of a round for one watch. Raises KeyError without such a round."""
        organisation = watch.partition(".")[0]
        notes = self.standing(mode, at).get(organisation, {})
        return opening(self._seed, organisation, at, notes, watch)

    def _sign(self, mode: str, watch: str, edge: Edge, at: int) -> Signed:
        return sign(Checkpoint(log_name(mode, watch), edge.size, edge.root(), at), self._seed)

    def _read(self, row: Row[tuple[object, ...]]) -> Signed:
        checkpoint = Checkpoint(log_name(row.mode, row.watch), row.size, bytes(row.root), row.at)
        return Signed(checkpoint, bytes(row.signature), key_hash(checkpoint.name(), self.public))


def _thin(connection: sa.Connection, mode: str, before: int) -> None:
    """Of checkpoints made in the day before a moment, leave out those that say what the former one said."""
    former = CHECKPOINTS.alias("former")
    earlier = sa.select(former.c.size).where(
        former.c.mode == CHECKPOINTS.c.mode,
        former.c.watch == CHECKPOINTS.c.watch,
        former.c.at < CHECKPOINTS.c.at,
    )
    size = earlier.order_by(former.c.at.desc()).limit(1).correlate(CHECKPOINTS).scalar_subquery()
    old = CHECKPOINTS.c.at.between(before - _DAY_S, before)
    connection.execute(
        sa.delete(CHECKPOINTS).where(CHECKPOINTS.c.mode == mode, old, CHECKPOINTS.c.size == size)
    )
