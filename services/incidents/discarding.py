"""An exercise that is ended for good, in the archive: its words and rows go, its facts stay as a skeleton.

An incident goes with the exercise in which it was opened, whenever a fact about it was recorded; what is
about no incident goes with the one in which it was recorded. All follows from the facts, in ledger order, so
that a rebuild comes to the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas import exercise
from schemas.catalogue import read_fact
from schemas.directory import Directory
from schemas.discards import Share
from services.incidents import bulk, files
from services.incidents.projection import Taken
from services.incidents.searchable import Searchable
from services.incidents.tables import CONTENT, ERASURES, FACTS, INCIDENTS, ITEMS, REFERENCES, STANDING, TURNS

_PAGE = 500
_NAME = (exercise.TRADE, exercise.Discarded.name)

Key = tuple[str, str]
"""Birthplace watch and incident."""


@dataclass(slots=True)
class Belongings:
    """What of the archive belongs to a share: heads, facts that had words, and places of items.

    ``born_in`` are the birthplaces of those of the facts whose words are still there.
    """

    heads: list[Key] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    born_in: dict[str, str] = field(default_factory=dict)
    items: list[int] = field(default_factory=list)


def pieces(batch: Sequence[Taken]) -> Iterator[list[Taken]]:
    """The batch in parts, so that a fact that ends an exercise for good stands alone."""
    piece: list[Taken] = []
    for taken in batch:
        if discarded_by(taken) is None:
            piece.append(taken)
            continue
        if piece:
            yield piece
        yield [taken]
        piece = []
    if piece:
        yield piece


def discarded_by(taken: Taken) -> exercise.Discarded | None:
    """What the fact has ended for good, if it is such a fact."""
    place = taken.place
    if taken.id is None or place is None or (place.trade, place.fact) != _NAME:
        return None
    try:
        body = read_fact(taken.raw)[1]
    except ValueError:
        return None
    return body if isinstance(body, exercise.Discarded) else None


def share_at(connection: Connection, mode: str, body: exercise.Discarded) -> Share:
    """What is ended, by what the archive knew of watches and exercises at that moment."""
    both = sa.and_(FACTS.c.mode == STANDING.c.mode, FACTS.c.sequence == STANDING.c.sequence)
    query = sa.select(FACTS.c.raw).select_from(STANDING.join(FACTS, both))
    query = query.where(STANDING.c.mode == mode, FACTS.c.id.is_not(None)).order_by(STANDING.c.sequence)
    directory = Directory()
    for raw in connection.execute(query).scalars():
        directory.apply(read_fact(bytes(raw))[1])
    return Share.of(body, directory)


def belongings(connection: Connection, mode: str, share: Share) -> Belongings:
    """All that belongs to a share and is still there."""
    heads: dict[Key, bool] = {}
    columns = (INCIDENTS.c.watch, INCIDENTS.c.id, INCIDENTS.c.recorded_at)
    for row in connection.execute(sa.select(*columns).where(INCIDENTS.c.mode == mode)):
        heads[row.watch, row.id] = share.holds(row.watch, datetime.fromisoformat(row.recorded_at))
    found = Belongings([key for key, is_gone in heads.items() if is_gone])
    for row in _written(connection, mode):
        recorded_at = datetime.fromisoformat(orjson.loads(bytes(row.raw))["time"])
        if not heads.get((row.watch, row.about), share.holds(row.watch, recorded_at)):
            continue
        if row.born_in is not None:
            found.facts.append(row.id)
        if row.born_in is not None and not row.erased:
            found.born_in[row.id] = row.born_in
        if row.item is not None:
            found.items.append(row.sequence)
    return found


def let_go(
    connection: Connection, mode: str, taken: Taken, body: exercise.Discarded, searchable: Searchable
) -> None:
    """Let go of all that a fact has ended for good, in the transaction that passes the fact."""
    found = belongings(connection, mode, share_at(connection, mode, body))
    searchable.let_go(connection, mode, found.items)
    for watch, id in found.heads:
        for table, column in ((INCIDENTS, "id"), (TURNS, "id"), (REFERENCES, "incident")):
            of = (table.c.mode == mode, table.c.watch == watch, table.c[column] == id)
            connection.execute(sa.delete(table).where(*of))
    for page in _pages(found.facts):
        connection.execute(
            sa.delete(REFERENCES).where(REFERENCES.c.mode == mode, REFERENCES.c.fact.in_(page))
        )
        of_page = sa.and_(CONTENT.c.mode == mode, CONTENT.c.fact.in_(page))
        values = {"sealed": None, "erased": True, "missing": False}
        connection.execute(sa.update(CONTENT).where(of_page).values(**values))
        files.erase(connection, mode, page)
        _note(connection, mode, taken, {fact: found.born_in[fact] for fact in page if fact in found.born_in})


def _note(connection: Connection, mode: str, taken: Taken, born_in: dict[str, str]) -> None:
    """Have the broker's copies erased too; what waits for that already is left as it is."""
    known = sa.select(ERASURES.c.fact).where(ERASURES.c.mode == mode, ERASURES.c.fact.in_(list(born_in)))
    there = set(connection.execute(known).scalars())
    rows = [
        (mode, fact, watch, taken.sequence, taken.time, None)
        for fact, watch in born_in.items()
        if fact not in there
    ]
    bulk.insert(connection, ERASURES, rows)


def _written(connection: Connection, mode: str) -> Iterator[Any]:
    """The facts that have words or an item, in pages."""
    typed = sa.and_(CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id)
    item = sa.and_(ITEMS.c.mode == FACTS.c.mode, ITEMS.c.sequence == FACTS.c.sequence)
    columns = (FACTS.c.sequence, FACTS.c.id, FACTS.c.watch, FACTS.c.about, FACTS.c.raw)
    more = (CONTENT.c.watch.label("born_in"), CONTENT.c.erased, ITEMS.c.sequence.label("item"))
    query = sa.select(*columns, *more).select_from(FACTS.outerjoin(CONTENT, typed).outerjoin(ITEMS, item))
    query = query.where(
        FACTS.c.mode == mode, sa.or_(CONTENT.c.fact.is_not(None), ITEMS.c.sequence.is_not(None))
    )
    query = query.order_by(FACTS.c.sequence).limit(_PAGE)
    after = 0
    while page := connection.execute(query.where(FACTS.c.sequence > after)).all():
        yield from page
        after = page[-1].sequence


def _pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
