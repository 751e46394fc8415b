"""Rows that the feeds let go of: of an exercise that was ended for good, and of deliveries past their term.

Each such fact is taken in alone, in one transaction with the cursor, so that a feed that is made anew from
the ledger comes to the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas import exercise, records
from schemas.directory import Directory
from schemas.discards import Share
from services.feeds.projection import Taken
from services.feeds.records import every_item, heads, items, items_of, put_items
from services.feeds.share import Head, Item
from services.feeds.tables import HEADS, ITEMS, NEWEST, ROWS
from services.runtime.reader import Message

_ALONE = (exercise.Discarded, records.DeliveriesErased)
_PAGE = 500

Piece = tuple[list[Message], list[Taken]]


def pieces(batch: Sequence[Message], taken: Iterable[Taken]) -> Iterator[Piece]:
    """The batch in parts, so that a fact by which rows go stands alone."""
    by_sequence = {one.sequence: one for one in taken}
    messages: list[Message] = []
    facts: list[Taken] = []
    for message in batch:
        one = by_sequence.get(message.sequence)
        is_alone = one is not None and isinstance(one.body, _ALONE)
        if is_alone and messages:
            yield messages, facts
            messages, facts = [], []
        messages.append(message)
        facts += [] if one is None else [one]
        if is_alone:
            yield messages, facts
            messages, facts = [], []
    if messages:
        yield messages, facts


@dataclass(frozen=True, slots=True)
class Gone:
    """Facts of an exercise of which nothing is left, and how many places in feeds they had."""

    facts: tuple[str, ...] = ()
    rows: int = 0


def forget(connection: Connection, mode: str, taken: Sequence[Taken], directory: Directory) -> Gone:
    """Let go of what a fact that stands alone says."""
    body = taken[0].body if taken else None
    match body:
        case records.DeliveriesErased():
            pass_term(connection, mode, taken[0].incident, taken[0].fact.time)
        case exercise.Discarded():
            gone = belonging(connection, mode, Share.of(body, directory))
            facts = tuple(item.fact for item in gone)
            _delete(connection, mode, ITEMS, "fact", facts)
            keys = {item.incident for item in gone if item.kind == "incident" and item.incident}
            _delete(connection, mode, HEADS, "incident", sorted(keys))
            return Gone(facts, _delete(connection, mode, ROWS, "fact", facts))
    return Gone()


def belonging(connection: Connection, mode: str, share: Share) -> list[Item]:
    """The items of a share: an incident's all, by when it was opened; others by when they were recorded."""
    found: list[Item] = []
    for page in every_item(connection, mode, _PAGE):
        began = _opened(connection, mode, page)
        found += [
            item for item in page if share.holds(item.home, _time(began.get(item.incident or "", item)))
        ]
    return found


def pass_term(connection: Connection, mode: str, incident: str, at: datetime) -> None:
    """Forget who was given what of an incident; its items stay, since what follows builds on them."""
    found = items_of(connection, mode, incident)
    _delete(connection, mode, ROWS, "fact", [item.fact for item in found])
    passed = [replace(item, passed=at.isoformat()) for item in found]
    put_items(connection, mode, passed, {item.fact for item in found})


def number_anew(connection: Connection, mode: str) -> None:
    """Close the gaps that rows have left: each feed counts from 1 again, in the same order."""
    ranked = sa.select(
        ROWS.c.subscriber,
        ROWS.c.n,
        sa.func.row_number().over(partition_by=ROWS.c.subscriber, order_by=ROWS.c.n).label("rank"),
    )
    rank = ranked.where(ROWS.c.mode == mode).subquery()
    same = (ROWS.c.mode == mode, ROWS.c.subscriber == rank.c.subscriber, ROWS.c.n == rank.c.n)
    connection.execute(sa.update(ROWS).where(*same).values(n=-rank.c.rank))
    connection.execute(sa.update(ROWS).where(ROWS.c.mode == mode, ROWS.c.n < 0).values(n=-ROWS.c.n))
    last = sa.select(sa.func.coalesce(sa.func.max(ROWS.c.n), 0))
    last = last.where(ROWS.c.mode == mode, ROWS.c.subscriber == NEWEST.c.subscriber)
    of_mode = sa.update(NEWEST).where(NEWEST.c.mode == mode)
    connection.execute(of_mode.values(n=last.scalar_subquery()))


def _opened(connection: Connection, mode: str, page: Sequence[Item]) -> dict[str, Item]:
    """The items that opened the incidents of a page, by key."""
    found: dict[str, Head] = heads(connection, mode, {item.incident for item in page if item.incident})
    opening = items(connection, mode, {head.fact for head in found.values()})
    return {key: opening[head.fact] for key, head in found.items() if head.fact in opening}


def _time(item: Item) -> datetime:
    return datetime.fromisoformat(item.recorded_at)


def _delete(connection: Connection, mode: str, table: sa.Table, column: str, values: Sequence[Any]) -> int:
    count = 0
    for start in range(0, len(values), _PAGE):
        these = table.c[column].in_(values[start : start + _PAGE])
        count += connection.execute(sa.delete(table).where(table.c.mode == mode, these)).rowcount
    return count
