"""The index of terms: FTS5 in SQLite, a text-search vector under GIN in PostgreSQL; the newest first.

Neither needs an extension. FTS5 holds the numbers of terms, not the words.
"""

from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from schemas.vocabulary import Mode
from services.incidents import bulk
from services.incidents.tables import TERMS

Posted = tuple[int, list[int]]
"""An item's sequence and its terms."""
Wanted = list[list[int]]
"""Every list must hold a term of the item."""
Places = tuple[list[int], int | None]
"""Sequences, the newest first, and before which to look on; None when there is nothing more."""

RECENT = 2_000
"""How many of the newest items PostgreSQL looks through before it asks its index for all that match."""


class TermIndex(Protocol):
    """What the search asks of a database."""

    def add(self, connection: Connection, mode: str, posted: Sequence[Posted]) -> None:
        """Take in items that are not there yet."""
        ...

    def remove(self, connection: Connection, mode: str, sequences: Sequence[int]) -> None:
        """Take out items."""
        ...

    def holds(self, connection: Connection, mode: str, term: int) -> bool:
        """True if an item has the term."""
        ...

    def clear(self, connection: Connection, mode: str) -> None:
        """Forget a mode."""
        ...

    def find(
        self, connection: Connection, mode: str, wanted: Wanted, before: int, most: int, *, first: bool
    ) -> Places:
        """The newest items before a sequence that are wanted; ``first`` if nothing was looked at yet."""
        ...

    def tidy(self, connection: Connection) -> None:
        """Write the index anew without what was taken out; outside a transaction."""
        ...


def term_index(engine: Engine | Connection) -> TermIndex:
    """The index of this database."""
    return _Fts5() if engine.dialect.name == "sqlite" else _Gin()


class _Fts5:
    """A table for each mode; a term is a word of hexadecimal digits."""

    def add(self, connection: Connection, mode: str, posted: Sequence[Posted]) -> None:
        if posted:
            rows = [(sequence, " ".join([f"{term:x}" for term in terms])) for sequence, terms in posted]
            statement = f"INSERT INTO {_name(mode)} (rowid, terms) VALUES (?, ?)"  # noqa: S608  own name
            connection.exec_driver_sql(statement, rows)

    def remove(self, connection: Connection, mode: str, sequences: Sequence[int]) -> None:
        if sequences:
            statement = f"DELETE FROM {_name(mode)} WHERE rowid = ?"  # noqa: S608  own name
            connection.exec_driver_sql(statement, [(sequence,) for sequence in sequences])

    def holds(self, connection: Connection, mode: str, term: int) -> bool:
        statement = f"SELECT 1 FROM {_name(mode)} WHERE {_name(mode)} MATCH ? LIMIT 1"  # noqa: S608  own name
        return connection.exec_driver_sql(statement, (f'"{term:x}"',)).first() is not None

    def clear(self, connection: Connection, mode: str) -> None:
        connection.exec_driver_sql(f"DELETE FROM {_name(mode)}")  # noqa: S608  own name

    def find(
        self, connection: Connection, mode: str, wanted: Wanted, before: int, most: int, *, first: bool
    ) -> Places:
        said = " AND ".join("(" + " OR ".join([f'"{term:x}"' for term in group]) + ")" for group in wanted)
        statement = (
            f"SELECT rowid FROM {_name(mode)} WHERE {_name(mode)} MATCH ? AND rowid < ?"  # noqa: S608  own name
            " ORDER BY rowid DESC LIMIT ?"
        )
        found = [row[0] for row in connection.exec_driver_sql(statement, (said, before, most))]
        return found, found[-1] if len(found) == most else None

    def tidy(self, connection: Connection) -> None:
        for mode in _MODES:
            connection.exec_driver_sql(f"INSERT INTO {_name(mode)} ({_name(mode)}) VALUES ('optimize')")  # noqa: S608


class _Gin:
    """One table; a term is a signed number in an array.

    What stands in many items is found among the newest by looking at them; the index would give them all.
    Comparing long arrays row by row is what the planner takes to be cheap and is not, so it may not.
    """

    def add(self, connection: Connection, mode: str, posted: Sequence[Posted]) -> None:
        bulk.insert(connection, TERMS, [(mode, at, _signed(terms)) for at, terms in posted])

    def remove(self, connection: Connection, mode: str, sequences: Sequence[int]) -> None:
        where = sa.and_(TERMS.c.mode == mode, TERMS.c.sequence.in_(sequences))
        connection.execute(sa.delete(TERMS).where(where))

    def holds(self, connection: Connection, mode: str, term: int) -> bool:
        where = sa.and_(TERMS.c.mode == mode, TERMS.c.terms.contains(_signed([term])))
        return connection.execute(sa.select(TERMS.c.sequence).where(where).limit(1)).first() is not None

    def clear(self, connection: Connection, mode: str) -> None:
        connection.execute(sa.delete(TERMS).where(TERMS.c.mode == mode))

    def find(
        self, connection: Connection, mode: str, wanted: Wanted, before: int, most: int, *, first: bool
    ) -> Places:
        groups = [_signed(group) for group in wanted]
        query = _RECENT if first else _ALL
        tests = " AND ".join(_AMONG if first else "terms && %s::int[]" for _ in groups)
        values = (mode, before, RECENT, *groups, most) if first else (mode, before, *groups, most)
        connection.exec_driver_sql("SET enable_seqscan = off")
        try:
            rows = connection.exec_driver_sql(query.format(tests), values).all()
        finally:
            connection.exec_driver_sql("SET enable_seqscan = on")
        found = [row[0] for row in rows if row[0] is not None]
        if len(found) == most:
            return found, found[-1]
        oldest = rows[0][1] if first and rows else None
        return found, oldest

    def tidy(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {TERMS.name}")


_RECENT = """
WITH recent AS MATERIALIZED (
  SELECT sequence, terms FROM terms WHERE mode = %s AND sequence < %s ORDER BY sequence DESC LIMIT %s
), found AS (SELECT sequence FROM recent WHERE {} ORDER BY sequence DESC LIMIT %s)
SELECT found.sequence, (SELECT min(sequence) FROM recent) FROM found
UNION ALL SELECT NULL, (SELECT min(sequence) FROM recent)
ORDER BY 1 DESC NULLS LAST
"""
_AMONG = "EXISTS (SELECT FROM unnest(terms) AS term WHERE term = ANY (%s::int[]))"
_ALL = (
    "SELECT sequence FROM terms WHERE mode = %s AND sequence < %s AND {} ORDER BY sequence + 0 DESC LIMIT %s"
)
"""Ordered so that the index of terms is asked, not that of sequences."""
_MODES = tuple(mode.value for mode in Mode)


def _name(mode: str) -> str:
    """The table of a mode. Raises KeyError for a word that is no mode."""
    return {one: f"terms_{one}" for one in _MODES}[mode]


def _signed(terms: Sequence[int]) -> list[int]:
    return [term - _HALF for term in terms]


_HALF = 1 << 31
