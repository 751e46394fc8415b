"""The index of terms in SQLite: FTS5, with words of hexadecimal digits. It needs no extension."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from sqlalchemy.engine import Connection

from schemas.vocabulary import Mode
from services.incidents.terms import Posted, Wanted

WIDE = 200
"""From how many terms on a list is dear to look up."""
LOOKS = 8
"""How many items can be looked at in the time in which a term is looked up."""
_PAGE = 100
_TABLES = {mode.value: f"terms_{mode.value}" for mode in Mode}


class Fts5:
    """A table for each mode, a row for each item."""

    def add(self, connection: Connection, mode: str, posted: Sequence[Posted]) -> None:
        if posted:
            rows = [(one.sequence, _said(one)) for one in posted]
            statement = f"INSERT INTO {_TABLES[mode]} (rowid, terms) VALUES (?, ?)"  # noqa: S608  own name
            connection.exec_driver_sql(statement, rows)

    def remove(self, connection: Connection, mode: str, sequence: int, circles: Sequence[int]) -> None:
        statement = f"DELETE FROM {_TABLES[mode]} WHERE rowid = ?"  # noqa: S608  own name
        connection.exec_driver_sql(statement, (sequence,))

    def holds(self, connection: Connection, mode: str, term: int) -> bool:
        table = _TABLES[mode]
        statement = f"SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT 1"  # noqa: S608  own name
        return connection.exec_driver_sql(statement, (f'"{term:x}"',)).first() is not None

    def clear(self, connection: Connection, mode: str) -> None:
        connection.exec_driver_sql(f"DELETE FROM {_TABLES[mode]}")  # noqa: S608  own name

    def find(self, connection: Connection, mode: str, wanted: Wanted, before: int) -> Iterator[int]:
        """Many terms are dear to look up, and often some of the newest items hold one: they come first."""
        lists = wanted.lists or [wanted.circles]
        wide = [group for group in lists if len(group) > WIDE]
        looked, most = 0, LOOKS * sum(map(len, wide))
        narrow = [group for group in lists if len(group) <= WIDE] or [wanted.circles]
        sets = [{f"{term:x}" for term in group} for group in wide]
        newest = self._ask(connection, mode, "rowid, terms", narrow, before) if wide else iter(())
        for looked, (before, terms) in enumerate(islice(newest, most), 1):  # noqa: B007  goes on from there
            held = terms.split()
            if not any(group.isdisjoint(held) for group in sets):
                yield before
        if looked == most:
            yield from (row[0] for row in self._ask(connection, mode, "rowid", lists, before))

    def _ask(
        self, connection: Connection, mode: str, columns: str, lists: list[list[int]], before: int
    ) -> Iterator[Any]:
        table = _TABLES[mode]
        said = " AND ".join("(" + " OR ".join([f'"{term:x}"' for term in group]) + ")" for group in lists)
        statement = f"SELECT {columns} FROM {table} WHERE {table} MATCH ? AND rowid < ? ORDER BY rowid DESC"  # noqa: S608
        for page in connection.exec_driver_sql(statement, (said, before)).partitions(_PAGE):
            yield from page

    def tidy(self, connection: Connection) -> None:
        for table in _TABLES.values():
            connection.exec_driver_sql(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608


def _said(posted: Posted) -> str:
    terms = [number for number, _ in posted.terms]
    terms += chain.from_iterable(some for _, some in posted.terms)
    return "%x " * len(terms) % tuple(terms)
