"""What can still be read of damaged tables: rows whose bytes match their hash."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from services.incidents import bulk
from services.incidents.chain import Link, fact_hash
from services.incidents.store import SERVICE
from services.incidents.tables import CONTENT, DERIVED, FACTS, METADATA, as_bytes
from services.runtime.database import engine_for, is_damage
from services.runtime.settings import Settings

PAGE = 1000
_UNREAD_MOST = 4
"""Pages of which not one row can be read, after which the rest is taken to be gone."""


@dataclass(frozen=True, slots=True)
class OldFact:
    """A fact whose bytes match their hash, with the place in the chain that the tables say."""

    sequence: int
    subject: str
    raw: bytes
    link: Link


class Old:
    """The tables as they are. Nothing here raises because they are damaged: what cannot be read is absent."""

    def __init__(self, settings: Settings) -> None:
        self.engine: Engine = engine_for(settings, SERVICE)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def facts(self, mode: str) -> Iterator[OldFact]:
        """The facts that are whole, in order."""
        query = sa.select(FACTS).where(FACTS.c.mode == mode).order_by(FACTS.c.sequence)
        for row in self._by_number(query, FACTS.c.sequence):
            raw = as_bytes(row.raw)
            if fact_hash(raw) == as_bytes(row.digest):
                yield OldFact(
                    row.sequence, str(row.subject), raw, Link(row.position, as_bytes(row.chain_hash))
                )

    def contents(self, mode: str, lacking: Mapping[str, bytes]) -> dict[str, bytes]:
        """Of the facts with these commitments, the contents that are whole."""
        found: dict[str, bytes] = {}
        for fact, commitment in lacking.items():
            where = (CONTENT.c.mode == mode, CONTENT.c.fact == fact)
            for row in self._rows(sa.select(CONTENT.c.sealed).where(*where)) or ():
                if fact_hash(as_bytes(row.sealed)) == commitment:
                    found[fact] = as_bytes(row.sealed)
        return found

    def hand_over(self, engine: Engine) -> None:
        """Copy the tables that do not follow from the ledger: logs of reads, checkpoints."""
        for table in METADATA.sorted_tables:
            if table not in DERIVED:
                rows = [tuple(row) for row in self._all(table)]
                if rows:
                    with engine.begin() as connection:
                        connection.execute(sa.delete(table))
                        bulk.insert(connection, table, rows)

    def _all(self, table: sa.Table) -> Iterator[Any]:
        """Every row that can be read: in one go, else by the keys, which lie in pages of their own."""
        try:
            with self._reading.connect() as connection:
                yield from connection.execute(sa.select(table)).all()
            return
        except sa.exc.DatabaseError as error:
            if not is_damage(error):
                raise
        keys = list(table.primary_key.columns)
        for key in self._rows(sa.select(*keys)) or ():
            where = (column == value for column, value in zip(keys, key, strict=True))
            yield from self._rows(sa.select(table).where(*where)) or ()

    def _by_number(self, query: Any, number: sa.ColumnElement[int]) -> Iterator[Any]:
        """Rows by an ascending number; a page that cannot be read is read number by number."""
        after, unread = 0, 0
        while unread < _UNREAD_MOST:
            page = self._rows(query.where(number > after).limit(PAGE))
            if page is None:
                numbers = range(after + 1, after + PAGE + 1)
                page = [row for at in numbers for row in self._rows(query.where(number == at)) or ()]
                after, unread = after + PAGE, 0 if page else unread + 1
            elif not page:
                return
            else:
                after, unread = page[-1].sequence, 0
            yield from page

    def _rows(self, query: Any) -> Sequence[Any] | None:
        """The rows; None when they cannot be read."""
        try:
            with self._reading.connect() as connection:
                return connection.execute(query).all()
        except sa.exc.DatabaseError as error:
            if not is_damage(error):
                raise
            return None
