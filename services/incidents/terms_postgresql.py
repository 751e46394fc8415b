"""The index of terms in PostgreSQL: arrays under GIN, a row for each circle of an item. No extension."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.incidents import bulk
from services.incidents.tables import TERMS
from services.incidents.terms import Posted, Wanted

RECENT = 2_000
"""How many of the newest items are looked through at first."""
DENSE = 200
"""While one in so many is wanted, to look through more of them is quicker than to ask the index for all."""
_PAGE = 5_000
_HALF = 1 << 31
"""Terms have no sign, the columns have."""


class Gin:
    """What stands in many items is found among the newest; the index would give them all, in no order."""

    def add(self, connection: Connection, mode: str, posted: Sequence[Posted]) -> None:
        rows = [
            (mode, circle - _HALF, one.sequence, [term - _HALF for term in terms])
            for one in posted
            for circle, terms in one.terms
        ]
        bulk.insert(connection, TERMS, rows)

    def remove(self, connection: Connection, mode: str, sequence: int, circles: Sequence[int]) -> None:
        of = (TERMS.c.mode == mode, TERMS.c.circle.in_(_signed(circles)), TERMS.c.sequence == sequence)
        connection.execute(sa.delete(TERMS).where(*of))

    def holds(self, connection: Connection, mode: str, term: int) -> bool:
        where = sa.and_(TERMS.c.mode == mode, TERMS.c.terms.contains(_signed([term])))
        return connection.execute(sa.select(TERMS.c.sequence).where(where).limit(1)).first() is not None

    def clear(self, connection: Connection, mode: str) -> None:
        connection.execute(sa.delete(TERMS).where(TERMS.c.mode == mode))

    def find(self, connection: Connection, mode: str, wanted: Wanted, before: int) -> Iterator[int]:
        lists = [_signed(group) for group in wanted.lists]
        circles, looks = _signed(wanted.circles), RECENT
        while True:
            rows = _recent(connection, mode, circles, lists, before, looks)
            yield from _once(rows[:-1])
            if rows[-1][0] is None:
                return
            before = rows[-1][0]
            if lists and len(rows) * DENSE < looks:
                break
            looks *= 2
        rows = [()] * _PAGE
        while len(rows) == _PAGE:
            rows = _indexed(connection, mode, lists, before)
            yield from _once(rows)
            before = rows[-1][0] if rows else 0

    def tidy(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {TERMS.name}")


def _recent(
    connection: Connection, mode: str, circles: list[int], lists: list[list[int]], before: int, looks: int
) -> Sequence[Any]:
    """Those that are wanted among the newest of the circles, and last of all where it has looked to."""
    within = " UNION ALL ".join(f"({_OF_CIRCLE})" for _ in circles)
    tests = " AND ".join(_AMONG for _ in lists) or "TRUE"
    values = [value for circle in circles for value in (mode, circle, before, looks)]
    return connection.exec_driver_sql(_RECENT.format(within, tests), (*values, looks, *lists)).all()


def _indexed(connection: Connection, mode: str, lists: list[list[int]], before: int) -> Sequence[Any]:
    """A page of all that are wanted. The planner may ask no other index, nor read the table through."""
    statement = _INDEXED.format(" AND ".join("terms && %s::int[]" for _ in lists))
    connection.exec_driver_sql("SET enable_seqscan = off")
    try:
        return connection.exec_driver_sql(statement, (*lists, mode, before, _PAGE)).all()
    finally:
        connection.exec_driver_sql("SET enable_seqscan = on")


def _once(rows: Sequence[Any]) -> Iterator[int]:
    """Sequences in order, each once: an item lies in several circles."""
    return (sequence for sequence, _ in groupby(row[0] for row in rows))


def _signed(terms: Sequence[int]) -> list[int]:
    return [term - _HALF for term in terms]


_OF_CIRCLE = """
SELECT sequence, terms FROM terms WHERE mode = %s AND circle = %s AND sequence < %s
ORDER BY sequence DESC LIMIT %s"""
_RECENT = """
WITH recent AS MATERIALIZED ({} ORDER BY sequence DESC LIMIT %s),
found AS (SELECT sequence FROM recent WHERE {} ORDER BY sequence DESC)
SELECT sequence FROM found UNION ALL SELECT min(sequence) FROM recent
"""
_AMONG = "EXISTS (SELECT FROM unnest(terms) AS term WHERE term = ANY (%s::int[]))"
_INDEXED = """
SELECT sequence FROM terms WHERE {} AND mode || '' = %s AND sequence + 0 < %s
ORDER BY sequence DESC LIMIT %s
"""
