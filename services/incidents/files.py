"""The second copy of attached files: rows of the archive's own database, a part each.

So a backup has them, an erasure overwrites them, and both databases keep them alike.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from services.incidents import bulk
from services.incidents.chain import fact_hash
from services.incidents.tables import CONTENT, ERASURES, FACTS, FILE_MISSING, FILES, PARTS
from services.runtime.objects import Tally


def take(connection: Connection, mode: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Note the files of a batch; a copy made of what was erased meanwhile is to be erased too."""
    for row in rows:
        fact, sort = row[1], row[2]
        of_fact = sa.and_(FILES.c.mode == mode, FILES.c.fact == fact)
        connection.execute(sa.delete(FILES).where(of_fact, FILES.c.sort == sort))
        bulk.insert(connection, FILES, [row])
        erased = sa.select(CONTENT.c.erased).where(CONTENT.c.mode == mode, CONTENT.c.fact == fact)
        if connection.execute(erased).scalar():
            known = sa.and_(ERASURES.c.mode == mode, ERASURES.c.fact == fact)
            connection.execute(sa.update(ERASURES).where(known).values(done_at=None))
            erase(connection, mode, [fact])


def erase(connection: Connection, mode: str, facts: Sequence[str]) -> None:
    """Take the files of facts out of the tables, in the transaction that passes their erasure (D16)."""
    of_facts = sa.and_(FILES.c.mode == mode, FILES.c.fact.in_(facts))
    names = sa.select(FILES.c.object).where(of_facts)
    connection.execute(sa.delete(PARTS).where(PARTS.c.mode == mode, PARTS.c.object.in_(names)))
    connection.execute(sa.update(FILES).where(of_facts).values(erased=True, missing=False))


def objects_of(engine: Engine, mode: str, fact: str) -> list[str]:
    """The names under which the object store has a fact's files."""
    query = sa.select(FILES.c.object).where(FILES.c.mode == mode, FILES.c.fact == fact)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return list(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class FileStore:
    """Reads and writes of the second copy; each call is a transaction of its own."""

    engine: Engine

    @property
    def _reading(self) -> Engine:
        return self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def missing(self, mode: str, most: int = 100) -> list[RowMapping]:
        """Files whose bytes are not here, the oldest first, with their fact's content."""
        return self._files(mode, FILE_MISSING, most)

    def all(self, mode: str) -> list[RowMapping]:
        """Every file that is not erased, in ledger order, with its fact's content."""
        return self._files(mode, sa.not_(FILES.c.erased), None)

    def after(self, mode: str, sequence: int, most: int) -> list[RowMapping]:
        """The files behind a place in the ledger that are not erased, in its order."""
        return self._files(mode, sa.and_(FILES.c.sequence > sequence, sa.not_(FILES.c.erased)), most)

    def kept(self, mode: str, facts: Collection[str]) -> set[str]:
        """Of these facts, those that have a file which is not erased."""
        query = sa.select(FILES.c.fact).where(FILES.c.mode == mode, sa.not_(FILES.c.erased))
        with self._reading.connect() as connection:
            return set(connection.execute(query.where(FILES.c.fact.in_(sorted(facts)))).scalars())

    def _files(self, mode: str, where: Any, most: int | None) -> list[RowMapping]:
        """With the content of the fact, and the watch in whose log that lies."""
        both = sa.and_(CONTENT.c.mode == FILES.c.mode, CONTENT.c.fact == FILES.c.fact)
        query = sa.select(*FILES.c, CONTENT.c.sealed, CONTENT.c.watch)
        query = query.select_from(FILES.outerjoin(CONTENT, both))
        query = query.where(FILES.c.mode == mode, where).order_by(FILES.c.sequence).limit(most)
        with self._reading.connect() as connection:
            return list(connection.execute(query).mappings())

    def named(self, mode: str, object: str) -> RowMapping | None:
        """The file with that name in the object store."""
        query = sa.select(FILES).where(FILES.c.mode == mode, FILES.c.object == object)
        with self._reading.connect() as connection:
            return connection.execute(query).mappings().first()

    def incident_of(self, mode: str, fact: str) -> str | None:
        """The id of the incident that a file's fact is about."""
        query = sa.select(FACTS.c.about).select_from(FACTS).where(FACTS.c.mode == mode, FACTS.c.id == fact)
        with self._reading.connect() as connection:
            return connection.execute(query).scalar()

    def parts(self, mode: str, object: str, first: int = 0, most: int | None = None) -> Iterator[bytes]:
        """A file's parts from number ``first`` on, as far as they are whole and without a gap."""
        last = None if most is None else first + most
        number = first
        while last is None or number < last:
            key = (PARTS.c.mode == mode, PARTS.c.object == object, PARTS.c.number == number)
            with self._reading.connect() as connection:
                row = connection.execute(sa.select(PARTS.c.digest, PARTS.c.data).where(*key)).first()
            if row is None or fact_hash(row.data) != bytes(row.digest):
                return
            yield bytes(row.data)
            number += 1

    def put(self, mode: str, object: str, first: int, parts: Sequence[bytes]) -> None:
        """Keep some parts; parts under the same numbers are replaced. Nothing of an erased file is kept."""
        numbers = range(first, first + len(parts))
        rows = [(mode, object, n, fact_hash(data), data) for n, data in zip(numbers, parts, strict=True)]
        with self.engine.begin() as connection:
            of_file = sa.and_(FILES.c.mode == mode, FILES.c.object == object)
            held = sa.select(FILES.c.erased).where(of_file).with_for_update()
            if connection.execute(held).scalar() is not False:
                return
            gone = (PARTS.c.mode == mode, PARTS.c.object == object, PARTS.c.number.in_(list(numbers)))
            connection.execute(sa.delete(PARTS).where(*gone))
            bulk.insert(connection, PARTS, rows)

    def mark(self, mode: str, object: str, *, missing: bool) -> None:
        """Note whether a file's bytes are all here."""
        of_file = sa.and_(FILES.c.mode == mode, FILES.c.object == object, sa.not_(FILES.c.erased))
        with self.engine.begin() as connection:
            connection.execute(sa.update(FILES).where(of_file).values(missing=missing))

    def tally(self, mode: str, object: str) -> Tally:
        """Size, parts and SHA-256 of what is here of a file."""
        tally = Tally()
        for part in self.parts(mode, object):
            tally.add(part)
        return tally
