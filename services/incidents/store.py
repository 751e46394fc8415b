"""The archive's rows: one transaction per batch of facts, and what the queries look up."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from schemas import exercise
from schemas.vocabulary import IncidentState
from services.incidents import bulk, changes, discarding, files, turns
from services.incidents.chain import Link
from services.incidents.projection import DUPLICATE, Ends, Rows, Taken, compose, is_folded, read, wider
from services.incidents.searchable import Searchable
from services.incidents.tables import (
    CHAINS,
    CONTENT,
    CONTENT_MISSING,
    CURSOR,
    DERIVED,
    ERASURES,
    FACTS,
    INCIDENTS,
    ITEMS,
    NODES,
    NUMBERS,
    PARKED,
    REFERENCES,
    STANDING,
    TREES,
)
from services.incidents.tree import Edge
from services.runtime.database import move_cursor, read_cursor
from services.runtime.epochs import Mark

SERVICE = "incidents"


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts of one mode that follow the cursor, their content by fact id, and what is erased since when."""

    mode: str
    epoch: int
    stream: str
    taken: list[Taken]
    contents: dict[str, bytes]
    erased: Mapping[str, str] = field(default_factory=dict)


class Store:
    """Writes of one projector per mode, and reads that never wait for them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._searchable: defaultdict[str, Searchable] = defaultdict(lambda: Searchable(engine))

    def cursor(self, mode: str) -> Mark:
        """The last fact taken in; sequence 0 before the first."""
        with self.reading.connect() as connection:
            return Mark(*read_cursor(connection, CURSOR, mode))

    def write(self, batch: Batch) -> None:
        """Take in a batch in one transaction.

        Raises CursorMoved when another reader was quicker. A fact whose id the ledger had before keeps its
        place in the chain, is parked, and has no effect. One that ends an exercise for good has a transaction
        of its own: it takes all that stood before it, and nothing after.
        """
        for piece in discarding.pieces(batch.taken):
            self._write_piece(replace(batch, taken=piece))

    def _write_piece(self, batch: Batch) -> None:
        try:
            self._write(batch)
        except sa.exc.IntegrityError:
            with self.reading.connect() as connection:
                _set_doubles_apart(connection, batch)
            self._write(batch)

    def _write(self, batch: Batch) -> None:
        mode, taken = batch.mode, batch.taken
        searchable = self._searchable[mode]
        searchable.begun()
        with self.engine.begin() as connection:
            former = taken[0].sequence - 1
            last = taken[-1]
            move_cursor(connection, CURSOR, mode, former, batch.epoch, last.sequence, last.digest.hex())
            ends = _ends(connection, mode)
            rows = compose(mode, batch.epoch, taken, batch.contents, ends, batch.erased)
            for table, found in ((FACTS, rows.facts), (CONTENT, rows.contents), (INCIDENTS, rows.heads)):
                bulk.insert(connection, table, found)
            bulk.insert(connection, STANDING, rows.standing)
            bulk.insert(connection, NODES, rows.nodes)
            bulk.insert(connection, REFERENCES, rows.references)
            parked = [(*row, batch.stream, batch.epoch, False) for row in rows.parked]
            bulk.insert(connection, PARKED, parked)
            searchable.take_in(connection, mode, taken, batch.contents)
            turns.take_in(connection, mode, taken)
            files.take(connection, mode, rows.files)
            _change(connection, mode, rows, searchable)
            if (gone := discarding.discarded_by(taken[0])) is not None:
                discarding.let_go(connection, mode, taken[0], gone, searchable)
            _move_ends(connection, mode, ends, rows)
        searchable.committed()

    def clear(self, mode: str) -> None:
        """Forget all that a rebuild from the ledger makes anew."""
        with self.engine.begin() as connection:
            for table in DERIVED:
                connection.execute(sa.delete(table).where(table.c.mode == mode))
            self._searchable[mode].clear(connection, mode)

    def fill(self, mode: str) -> None:
        """Make what the search and past moments read of an archive that was written before they came."""
        one = sa.select(ITEMS.c.sequence).where(ITEMS.c.mode == mode).limit(1)
        head = sa.select(INCIDENTS.c.sequence).where(INCIDENTS.c.mode == mode).limit(1)
        with self.reading.connect() as connection:
            if connection.execute(one).first() or not connection.execute(head).first():
                return
        searchable = Searchable(self.engine)
        with self.engine.begin() as connection:
            for page in self.facts(mode):
                taken = [
                    read(row["sequence"], row["subject"], bytes(row["raw"])) for row in page if row["id"]
                ]
                contents = {row["id"]: bytes(row["sealed"]) for row in page if row["sealed"] is not None}
                searchable.begun()
                searchable.take_in(connection, mode, taken, contents)
                searchable.committed()
                turns.take_in(connection, mode, taken)

    def discarded(self, mode: str, body: exercise.Discarded) -> list[str]:
        """The facts whose words a fact that comes next ends for good."""
        with self.reading.connect() as connection:
            share = discarding.share_at(connection, mode, body)
            return sorted(discarding.belongings(connection, mode, share).born_in)

    def erasures(self) -> list[RowMapping]:
        """Every fact whose content is to be erased, or is, since when."""
        columns = (ERASURES.c.mode, ERASURES.c.fact, ERASURES.c.erased_at)
        with self.reading.connect() as connection:
            return list(connection.execute(sa.select(*columns)).mappings())

    def has_fact(self, mode: str, fact: str) -> bool:
        """True if a fact with that id is in the archive."""
        query = sa.select(FACTS.c.sequence).where(FACTS.c.mode == mode, FACTS.c.id == fact)
        with self.reading.connect() as connection:
            return connection.execute(query).first() is not None

    def born_in(self, mode: str, watch: str, fact: str) -> int:
        """The place in the ledger of a fact of that watch; 0 when it has none with that id."""
        where = (FACTS.c.mode == mode, FACTS.c.id == fact, FACTS.c.watch == watch)
        with self.reading.connect() as connection:
            return connection.execute(sa.select(FACTS.c.sequence).where(*where)).scalar() or 0

    def facts(self, mode: str, after: int = 0, until: int | None = None) -> Iterator[Sequence[RowMapping]]:
        """Every fact with its content's row, in ledger order, in pages of 1000."""
        columns = (*FACTS.c, CONTENT.c.sort, CONTENT.c.raised, CONTENT.c.erased, CONTENT.c.sealed)
        columns = (*columns, CONTENT.c.commitment)
        query = sa.select(*columns).select_from(_facts_and_content()).where(FACTS.c.mode == mode)
        if until is not None:
            query = query.where(FACTS.c.sequence <= until)
        query = query.order_by(FACTS.c.sequence).limit(1000)
        while True:
            with self.reading.connect() as connection:
                page = connection.execute(query.where(FACTS.c.sequence > after)).mappings().all()
            if not page:
                return
            yield page
            after = page[-1]["sequence"]

    def standing(self, mode: str) -> list[bytes]:
        """The facts that say who is who, on duty and may share with whom, in order."""
        both = sa.and_(FACTS.c.mode == STANDING.c.mode, FACTS.c.sequence == STANDING.c.sequence)
        query = sa.select(FACTS.c.subject, FACTS.c.raw).select_from(STANDING.join(FACTS, both))
        query = query.where(STANDING.c.mode == mode).order_by(STANDING.c.sequence)
        with self.reading.connect() as connection:
            return [raw for subject, raw in connection.execute(query) if is_folded(subject)]

    def unannounced(self, mode: str) -> list[RowMapping]:
        """Parked messages that the hub has not been told of."""
        query = sa.select(PARKED).where(PARKED.c.mode == mode, sa.not_(PARKED.c.announced))
        with self.reading.connect() as connection:
            return list(connection.execute(query.order_by(PARKED.c.sequence)).mappings())

    def announced(self, mode: str, sequences: Sequence[int]) -> None:
        """Note that the hub was told of these."""
        where = sa.and_(PARKED.c.mode == mode, PARKED.c.sequence.in_(sequences))
        with self.engine.begin() as connection:
            connection.execute(sa.update(PARKED).where(where).values(announced=True))

    def missing(self, mode: str, most: int = 1000) -> list[RowMapping]:
        """Content that should be there and is not, the oldest first."""
        columns = (CONTENT.c.fact, CONTENT.c.watch, CONTENT.c.sort, CONTENT.c.commitment)
        query = sa.select(*columns).where(CONTENT.c.mode == mode, CONTENT_MISSING)
        with self.reading.connect() as connection:
            return list(connection.execute(query.order_by(CONTENT.c.sequence).limit(most)).mappings())

    def heal(self, mode: str, found: Mapping[str, bytes]) -> None:
        """Put back content that was missing; what was erased meanwhile stays empty."""
        key = sa.and_(CONTENT.c.mode == mode, CONTENT.c.fact == sa.bindparam("of"), sa.not_(CONTENT.c.erased))
        values = {"sealed": sa.bindparam("bytes"), "missing": False}
        rows = [{"of": fact, "bytes": sealed} for fact, sealed in found.items()]
        if rows:
            with self.engine.begin() as connection:
                connection.execute(sa.update(CONTENT).where(key).values(**values), rows)
                Searchable(self.engine).heal(connection, mode, found)
                changes.heal_numbers(connection, mode, found)


def _facts_and_content() -> sa.Join:
    both = sa.and_(CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id)
    return FACTS.outerjoin(CONTENT, both)


def _ends(connection: Connection, mode: str) -> Ends:
    chains = connection.execute(sa.select(CHAINS).where(CHAINS.c.mode == mode))
    numbers = connection.execute(sa.select(NUMBERS).where(NUMBERS.c.mode == mode))
    trees = connection.execute(sa.select(TREES).where(TREES.c.mode == mode))
    return Ends(
        {(row.watch, row.controller): Link(row.position, row.chain_hash) for row in chains},
        {(row.watch, row.year): row.last for row in numbers},
        {row.watch: Edge.unpacked(row.size, row.edge) for row in trees},
    )


def _move_ends(connection: Connection, mode: str, ends: Ends, rows: Rows) -> None:
    chains = [(mode, *key, ends.chains[key].position, ends.chains[key].hash) for key in rows.chains]
    numbers = [(mode, *key, ends.numbers[key]) for key in rows.numbers]
    trees = [(mode, key, ends.trees[key].size, ends.trees[key].packed()) for key in rows.trees]
    for table, changed, size in ((CHAINS, chains, 3), (NUMBERS, numbers, 3), (TREES, trees, 2)):
        keys = list(table.primary_key.columns)[:size]
        gone = [{f"of_{c.name}": value for c, value in zip(keys, row, strict=False)} for row in changed]
        if gone:
            where = [column == sa.bindparam(f"of_{column.name}") for column in keys]
            connection.execute(sa.delete(table).where(*where), gone)
        bulk.insert(connection, table, changed)


def _change(connection: Connection, mode: str, rows: Rows, searchable: Searchable) -> None:
    """What a batch changes in rows that may be its own. Acknowledging moves only what is still new."""
    moved = [
        {"of_watch": key[0], "of_id": key[1], "now": state, "closed": rows.closed[key]}
        for key, state in rows.states.items()
    ]
    told = [{"of_watch": watch, "of_id": id, "at": at} for (watch, id), at in rows.acknowledged.items()]
    head = _head(mode, sa.bindparam("of_watch"), sa.bindparam("of_id"))
    change = sa.update(INCIDENTS).where(head)
    if moved:
        to = change.values(state=sa.bindparam("now"), closed_at=sa.bindparam("closed"))
        connection.execute(to, moved)
    if told:
        is_new = INCIDENTS.c.state == IncidentState.NEW.value
        connection.execute(change.where(is_new).values(state=IncidentState.ACKNOWLEDGED.value), told)
        first = change.where(INCIDENTS.c.acknowledged_at.is_(None))
        connection.execute(first.values(acknowledged_at=sa.bindparam("at")), told)
    changes.change(connection, mode, rows)
    for watch, id, shared in rows.shared:
        _raise(connection, mode, watch, id, shared)
    for fact, watch, sequence, erased_at in rows.erased:
        searchable.erase(connection, mode, fact)
        _erase(connection, mode, fact, watch, sequence, erased_at)


def _head(mode: str, watch: Any, id: Any) -> sa.ColumnElement[bool]:
    return sa.and_(INCIDENTS.c.mode == mode, INCIDENTS.c.watch == watch, INCIDENTS.c.id == id)


def _raise(connection: Connection, mode: str, watch: str, id: str, shared: Any) -> None:
    where = _head(mode, watch, id)
    head = connection.execute(sa.select(INCIDENTS).where(where)).mappings().first()
    fact = shared.entry
    if head is not None and shared.entry in ("head", head["fact"]):
        fact = head["fact"]
        level, named = wider(head["level"], head["named"], shared)
        connection.execute(sa.update(INCIDENTS).where(where).values(level=level, named=named))
    if shared.commitment is not None:
        content = sa.and_(CONTENT.c.mode == mode, CONTENT.c.fact == fact)
        connection.execute(sa.update(CONTENT).where(content).values(raised=True))


def _erase(connection: Connection, mode: str, fact: str, watch: str, sequence: int, erased_at: str) -> None:
    """Content goes in the transaction that passes the fact ``erased`` (D16)."""
    where = sa.and_(CONTENT.c.mode == mode, CONTENT.c.fact == fact)
    birthplace = connection.execute(sa.select(CONTENT.c.watch).where(where)).scalar() or watch
    connection.execute(sa.update(CONTENT).where(where).values(sealed=None, erased=True, missing=False))
    changes.erase_number(connection, mode, fact)
    known = sa.and_(ERASURES.c.mode == mode, ERASURES.c.fact == fact)
    if connection.execute(sa.select(ERASURES.c.fact).where(known)).first() is None:
        bulk.insert(connection, ERASURES, [(mode, fact, birthplace, sequence, erased_at, None)])
    files.erase(connection, mode, [fact])


def _set_doubles_apart(connection: Connection, batch: Batch) -> None:
    """Mark the facts whose id, or whose incident, the archive or this batch has already."""
    ids = [taken.id for taken in batch.taken if taken.id is not None]
    known_ids = sa.select(FACTS.c.id).where(FACTS.c.mode == batch.mode, FACTS.c.id.in_(ids))
    seen = set(connection.execute(known_ids).scalars())
    about = [taken.place.id for taken in batch.taken if taken.place is not None]
    columns = (INCIDENTS.c.watch, INCIDENTS.c.id)
    heads = sa.select(*columns).where(INCIDENTS.c.mode == batch.mode, INCIDENTS.c.id.in_(about))
    opened = {(row.watch, row.id) for row in connection.execute(heads)}
    for taken in batch.taken:
        place = taken.place
        head = (
            (place.key, place.id) if place and (place.trade, place.fact) == ("incidents", "opened") else None
        )
        if taken.id is not None and (taken.id in seen or head in opened):
            taken.id, taken.reason = None, DUPLICATE
        seen.add(taken.id)
        if head is not None and taken.id is not None:
            opened.add(head)
