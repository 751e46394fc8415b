"""Reading and writing what the feeds' tables hold, on a connection that is handed over."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas.catalogue import read_fact
from schemas.directory import Directory
from schemas.incidents import Opened
from schemas.vocabulary import Level
from services.feeds.projection import Taken
from services.feeds.share import Head, Item
from services.feeds.tables import DIRECTORY, EPOCHS, HEADS, ITEMS, NEWEST, ROWS
from services.runtime import logs

_PAGE = 500
_FIELDS = tuple(field.name for field in fields(Item))


def items(connection: Connection, mode: str, facts: Iterable[str]) -> dict[str, Item]:
    """The items of these facts, by fact."""
    found = _select(connection, mode, ITEMS, ITEMS.c.fact, facts)
    return {row["fact"]: _item(row["record"]) for row in found}


def items_of(connection: Connection, mode: str, incident: str) -> list[Item]:
    """Every item that hangs on an incident, by its key."""
    query = sa.select(ITEMS.c.record).where(ITEMS.c.mode == mode, ITEMS.c.incident == incident)
    return [_item(record) for record in connection.scalars(query)]


def every_item(connection: Connection, mode: str, most: int) -> Iterator[list[Item]]:
    """All items of a mode, in pages."""
    query, after = sa.select(ITEMS.c.record).where(ITEMS.c.mode == mode).order_by(ITEMS.c.fact), ""
    while page := [_item(one) for one in connection.scalars(query.where(ITEMS.c.fact > after).limit(most))]:
        yield page
        after = page[-1].fact


def heads(connection: Connection, mode: str, incidents: Iterable[str]) -> dict[str, Head]:
    """The incidents with these keys, by key."""
    found = _select(connection, mode, HEADS, HEADS.c.incident, incidents)
    return {row["incident"]: Head(row["incident"], row["fact"], row["ref"], row["state"]) for row in found}


def holders(connection: Connection, mode: str, facts: Iterable[str]) -> dict[str, set[str]]:
    """For each fact, the subscribers in whose feed it lies."""
    had: dict[str, set[str]] = {}
    for row in _select(connection, mode, ROWS, ROWS.c.fact, facts):
        had.setdefault(row["fact"], set()).add(row["subscriber"])
    return had


def given(connection: Connection, mode: str, incident: str, most: int) -> list[dict[str, object]]:
    """The rows of an incident, in the order in which they were given out."""
    both = sa.and_(ITEMS.c.mode == ROWS.c.mode, ITEMS.c.fact == ROWS.c.fact)
    columns = (ROWS.c.fact, ROWS.c.subscriber, ROWS.c.kind, ROWS.c.at)
    query = sa.select(*columns).select_from(ROWS.join(ITEMS, both))
    query = query.where(ROWS.c.mode == mode, ITEMS.c.incident == incident)
    found = connection.execute(query.order_by(ROWS.c.at, ROWS.c.fact, ROWS.c.subscriber).limit(most))
    return [
        {
            "item": row.fact,
            "organisation": row.subscriber,
            "kind": row.kind,
            "at": datetime.fromtimestamp(row.at / 1000, UTC).isoformat(),
        }
        for row in found
    ]


def count_rows(connection: Connection, mode: str, facts: Sequence[str]) -> int:
    """How many places in feeds these facts have."""
    pages = (facts[start : start + _PAGE] for start in range(0, len(facts), _PAGE))
    count = sa.select(sa.func.count()).select_from(ROWS).where(ROWS.c.mode == mode)
    return sum(int(connection.scalar(count.where(ROWS.c.fact.in_(page))) or 0) for page in pages)


def put_items(connection: Connection, mode: str, changed: Sequence[Item], known: AbstractSet[str]) -> None:
    """Write items; those in ``known`` have a row already."""
    rows = [
        {"mode": mode, "fact": item.fact, "incident": item.incident, "record": _record(item)}
        for item in changed
    ]
    _put(connection, ITEMS, "fact", rows, known)


def put_heads(connection: Connection, mode: str, changed: Sequence[Head], known: AbstractSet[str]) -> None:
    """Write incidents; those in ``known`` have a row already."""
    _put(connection, HEADS, "incident", [{"mode": mode, **asdict(head)} for head in changed], known)


def put_newest(connection: Connection, mode: str, changed: dict[str, int], known: AbstractSet[str]) -> None:
    """Write the last numbers given out; subscribers in ``known`` have a row already."""
    rows = [{"mode": mode, "subscriber": subscriber, "n": n} for subscriber, n in changed.items()]
    _put(connection, NEWEST, "subscriber", rows, known)


def newest(connection: Connection, mode: str) -> dict[str, int]:
    """The last number given out to each subscriber."""
    found = connection.execute(sa.select(NEWEST.c.subscriber, NEWEST.c.n).where(NEWEST.c.mode == mode))
    return {subscriber: n for subscriber, n in found}


def epoch(connection: Connection, mode: str) -> str:
    """The epoch of a mode's feeds; empty before the first fact."""
    found = connection.scalar(sa.select(EPOCHS.c.epoch).where(EPOCHS.c.mode == mode))
    return str(found or "")


def ledger_epoch(connection: Connection, mode: str) -> int | None:
    """The ledger's epoch in which the feeds' epoch began."""
    found: int | None = connection.scalar(sa.select(EPOCHS.c.ledger_epoch).where(EPOCHS.c.mode == mode))
    return found


def begin_epoch(connection: Connection, mode: str, of_ledger: int) -> str:
    """A new epoch of a mode's feeds."""
    fresh = secrets.token_hex(4)
    connection.execute(sa.delete(EPOCHS).where(EPOCHS.c.mode == mode))
    connection.execute(sa.insert(EPOCHS), {"mode": mode, "epoch": fresh, "ledger_epoch": of_ledger})
    return fresh


def directory(connection: Connection, mode: str) -> Directory:
    """Who may share with whom, folded anew."""
    found = Directory()
    kept = sa.select(DIRECTORY.c.fact).where(DIRECTORY.c.mode == mode).order_by(DIRECTORY.c.sequence)
    for raw in connection.scalars(kept):
        found.apply(read_fact(bytes(raw))[1])
    return found


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1000)


def _select(
    connection: Connection, mode: str, table: sa.Table, column: sa.ColumnElement[Any], values: Iterable[Any]
) -> list[sa.RowMapping]:
    wanted = sorted({value for value in values if value})
    found: list[sa.RowMapping] = []
    for start in range(0, len(wanted), _PAGE):
        where = sa.and_(table.c.mode == mode, column.in_(wanted[start : start + _PAGE]))
        found += connection.execute(sa.select(table).where(where)).mappings().all()
    return found


def _put(
    connection: Connection, table: sa.Table, key: str, rows: list[dict[str, Any]], known: AbstractSet[str]
) -> None:
    """Rows of one mode, in the place of those that have the same key."""
    old = sorted(row[key] for row in rows if row[key] in known)
    for start in range(0, len(old), _PAGE):
        same = sa.and_(table.c.mode == rows[0]["mode"], table.c[key].in_(old[start : start + _PAGE]))
        connection.execute(sa.delete(table).where(same))
    if rows:
        connection.execute(sa.insert(table), rows)


def _record(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in _FIELDS}


def _item(record: dict[str, Any]) -> Item:
    lists = {name: tuple(record[name]) for name in ("named", "tags", "municipalities")}
    lists["broken"] = tuple((watch, until) for watch, until in record.get("broken", ()))
    return Item(**(record | lists | {"level": Level(record["level"])}))


def without_doubles(connection: Connection, mode: str, taken: list[Taken]) -> list[Taken]:
    """The facts of a batch whose id, or whose incident's opening, neither the tables nor the batch had."""
    seen = set(items(connection, mode, {one.fact.id for one in taken}))
    opened = set(heads(connection, mode, {one.incident for one in taken}))
    left = []
    for one in taken:
        is_opening = isinstance(one.body, Opened)
        if one.fact.id in seen or (is_opening and one.incident in opened):
            logs.get(sequence=one.sequence).warning("feeds.double")
            continue
        seen.add(one.fact.id)
        if is_opening:
            opened.add(one.incident)
        left.append(one)
    return left
