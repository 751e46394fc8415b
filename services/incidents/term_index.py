"""The index of terms: FTS5 in SQLite, an array under GIN in PostgreSQL. Rows are found the newest first.

Neither needs an extension. FTS5 holds the numbers of terms, not the words.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from schemas.vocabulary import Mode
from services.incidents import bulk
from services.incidents.tables import TERMS

Posted = tuple[int, list[int]]
"""An item's sequence and its terms."""
Wanted = list[list[list[int]]]
"""Ways to be found: for one of them, every list must hold a term of the item."""

_HALF = 1 << 31


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

    def find(self, mode: str, wanted: Wanted) -> tuple[sa.FromClause, Any, sa.ColumnElement[bool]]:
        """A source of rows, the column of their sequences, and the condition that finds items."""
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

    def find(self, mode: str, wanted: Wanted) -> tuple[sa.FromClause, Any, sa.ColumnElement[bool]]:
        source = sa.table(_name(mode), sa.column("rowid", sa.BigInteger))
        said = " OR ".join("(" + " AND ".join(map(_either, groups)) + ")" for groups in wanted)
        matches: sa.ColumnElement[bool] = sa.column(_name(mode)).op("MATCH", is_comparison=True)(
            sa.bindparam("wanted", said, sa.String)
        )
        return source, source.c.rowid, matches

    def tidy(self, connection: Connection) -> None:
        for mode in _MODES:
            connection.exec_driver_sql(f"INSERT INTO {_name(mode)} ({_name(mode)}) VALUES ('optimize')")  # noqa: S608


class _Gin:
    """One table; a term is a signed number in an array."""

    def add(self, connection: Connection, mode: str, posted: Sequence[Posted]) -> None:
        bulk.insert(connection, TERMS, [(mode, at, [term - _HALF for term in terms]) for at, terms in posted])

    def remove(self, connection: Connection, mode: str, sequences: Sequence[int]) -> None:
        where = sa.and_(TERMS.c.mode == mode, TERMS.c.sequence.in_(sequences))
        connection.execute(sa.delete(TERMS).where(where))

    def holds(self, connection: Connection, mode: str, term: int) -> bool:
        where = sa.and_(TERMS.c.mode == mode, TERMS.c.terms.contains([term - _HALF]))
        return connection.execute(sa.select(TERMS.c.sequence).where(where).limit(1)).first() is not None

    def clear(self, connection: Connection, mode: str) -> None:
        connection.execute(sa.delete(TERMS).where(TERMS.c.mode == mode))

    def find(self, mode: str, wanted: Wanted) -> tuple[sa.FromClause, Any, sa.ColumnElement[bool]]:
        ways = (sa.and_(*(_any_of(group) for group in groups)) for groups in wanted)
        return TERMS, TERMS.c.sequence, sa.and_(TERMS.c.mode == mode, sa.or_(*ways))

    def tidy(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {TERMS.name}")


_MODES = tuple(mode.value for mode in Mode)


def _name(mode: str) -> str:
    """The table of a mode. Raises KeyError for a word that is no mode."""
    return {one: f"terms_{one}" for one in _MODES}[mode]


def _either(group: Iterable[int]) -> str:
    return "(" + " OR ".join(f'"{term:x}"' for term in group) + ")"


def _any_of(group: Iterable[int]) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = TERMS.c.terms.overlap([term - _HALF for term in group])
    return found
