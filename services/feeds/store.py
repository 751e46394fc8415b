"""The rows of the feeds, written by the projector in one transaction with its cursor, and read in pages."""

import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from schemas.canonical import digest
from schemas.catalogue import read_fact
from schemas.directory import TRADES, Directory
from schemas.subjects import parse_place
from services.feeds import records
from services.feeds.projection import Picture, Taken, mentioned
from services.feeds.share import Head, Item
from services.feeds.tables import CURSOR, DIRECTORY, ROWS
from services.feeds.wording import Entry
from services.runtime import logs
from services.runtime.database import move_cursor, read_cursor
from services.runtime.epochs import Mark
from services.runtime.reader import Message


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a batch has added, once it is committed.

    ``erased`` are facts whose content is gone; ``since`` is when the oldest fact of the batch was recorded.
    """

    mode: str
    epoch: str
    entries: list[Entry]
    newest: dict[str, int]
    erased: list[str]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Part of one subscriber's feed, in order; ``newest`` is the last number given out."""

    epoch: str
    newest: int
    entries: list[Entry]


class Store:
    """The feeds' tables. ``on_commit`` is called in the writing thread, after each commit."""

    def __init__(self, engine: Engine, on_commit: Callable[[Fresh], None] = lambda fresh: None) -> None:
        self._engine = engine
        self._on_commit = on_commit
        self._directories: dict[str, Directory] = {}
        self._loading = threading.Lock()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def directory(self, mode: str) -> Directory:
        """Who may share with whom, as of the last fact taken in. A later one takes its place, unchanged."""
        with self._loading:
            if mode not in self._directories:
                with self._engine.begin() as connection:
                    self._directories[mode] = records.directory(connection, mode)
            return self._directories[mode]

    def cursor(self, mode: str) -> Mark:
        """The last fact taken in; sequence 0 before the first."""
        with self._engine.begin() as connection:
            return Mark(*read_cursor(connection, CURSOR, mode))

    def apply(self, mode: str, epoch: int, batch: list[Message]) -> None:
        """Take in a batch and move the cursor, in one transaction. Raises CursorMoved."""
        taken = [one for message in batch if (one := _take(message)) is not None]
        picture = Picture(mode, _copied(self.directory(mode)))
        with self._engine.begin() as connection:
            feed_epoch = records.settle_epoch(connection, mode, epoch)
            _load(connection, picture, taken)
            for one in taken:
                picture.take(one)
            entries, newest = _number(connection, picture)
            _write(connection, picture, entries, newest)
            _keep_directory(connection, mode, batch, taken)
            former, last = batch[0].sequence - 1, batch[-1]
            move_cursor(connection, CURSOR, mode, former, epoch, last.sequence, digest(last.data))
        self._directories[mode] = picture.directory
        since = min((row.at for row in picture.rows), default=None)
        self._on_commit(Fresh(mode, feed_epoch, entries, newest, picture.erased, since))

    def page(self, mode: str, subscriber: str, after: int, limit: int) -> Page:
        """Rows after number ``after``, at most ``limit``."""
        return self._page(mode, subscriber, ROWS.c.n > after, limit)

    def page_since(self, mode: str, subscriber: str, since: datetime, limit: int) -> Page:
        """Rows from the first one on that was recorded at or after ``since``, at most ``limit``."""
        young = sa.and_(ROWS.c.mode == mode, ROWS.c.subscriber == subscriber)
        young = sa.and_(young, ROWS.c.at >= records.milliseconds(since))
        first = sa.select(sa.func.min(ROWS.c.n)).where(young).scalar_subquery()
        return self._page(mode, subscriber, ROWS.c.n >= first, limit)

    def standing(self, mode: str) -> tuple[str, dict[str, int]]:
        """The feeds' epoch, empty before the first fact, and the newest number of each subscriber."""
        with self._engine.begin() as connection:
            return records.epoch(connection, mode), records.newest(connection, mode)

    def _page(self, mode: str, subscriber: str, where: sa.ColumnElement[bool], limit: int) -> Page:
        mine = sa.and_(ROWS.c.mode == mode, ROWS.c.subscriber == subscriber)
        wanted = sa.select(ROWS).where(mine, where).order_by(ROWS.c.n).limit(limit)
        with self._engine.begin() as connection:
            epoch, newest = records.epoch(connection, mode), records.newest(connection, mode)
            rows = connection.execute(wanted).mappings().all()
            items, heads = _known(connection, mode, {row["fact"] for row in rows})
        entries = [_entry(items, heads, subscriber, row["n"], row["kind"], row["fact"]) for row in rows]
        return Page(epoch, newest.get(subscriber, 0), entries)


def _take(message: Message) -> Taken | None:
    place = parse_place(message.subject)
    try:
        fact, body = read_fact(message.data)
    except ValueError:
        logs.get(sequence=message.sequence).warning("feeds.unread")
        return None
    return None if place is None or body is None else Taken(message.sequence, place, fact, body)


def _load(connection: Connection, picture: Picture, taken: list[Taken]) -> None:
    """What stood before, as far as the batch hangs on it."""
    incidents, facts = mentioned(taken)
    picture.items = records.items(connection, picture.mode, facts)
    incidents |= {item.incident for item in picture.items.values() if item.incident}
    picture.heads = records.heads(connection, picture.mode, incidents)
    facts |= {head.fact for head in picture.heads.values()}
    facts |= {item.about for item in picture.items.values()}
    picture.items |= records.items(connection, picture.mode, facts - picture.items.keys())
    picture.had = records.holders(connection, picture.mode, facts)


def _known(connection: Connection, mode: str, facts: set[str]) -> tuple[dict[str, Item], dict[str, Head]]:
    """The items of these facts, and the items and incidents that decide who sees them."""
    items = records.items(connection, mode, facts)
    heads = records.heads(connection, mode, {item.incident for item in items.values() if item.incident})
    more = {item.about for item in items.values()} | {head.fact for head in heads.values()}
    return items | records.items(connection, mode, more - items.keys()), heads


def _number(connection: Connection, picture: Picture) -> tuple[list[Entry], dict[str, int]]:
    """The new rows with their places, and the newest number of each feed that grew."""
    newest, grown, entries = records.newest(connection, picture.mode), {}, []
    for row in picture.rows:
        n = newest[row.subscriber] = newest.get(row.subscriber, 0) + 1
        grown[row.subscriber] = n
        entries.append(_entry(picture.items, picture.heads, row.subscriber, n, row.kind, row.fact))
    return entries, grown


def _write(connection: Connection, picture: Picture, entries: list[Entry], newest: dict[str, int]) -> None:
    rows = [
        {
            "mode": picture.mode,
            "subscriber": entry.subscriber,
            "n": entry.n,
            "kind": entry.kind,
            "fact": row.fact,
            "at": records.milliseconds(row.at),
        }
        for entry, row in zip(entries, picture.rows, strict=True)
    ]
    if rows:
        connection.execute(sa.insert(ROWS), rows)
    records.put_newest(connection, picture.mode, newest)
    items = [picture.items[fact] for fact in sorted(picture.changed_items)]
    records.put_items(connection, picture.mode, items)
    heads = [picture.heads[key] for key in sorted(picture.changed_heads)]
    records.put_heads(connection, picture.mode, heads)


def _keep_directory(connection: Connection, mode: str, batch: list[Message], taken: list[Taken]) -> None:
    raw = {message.sequence: message.data for message in batch}
    rows = [
        {"mode": mode, "sequence": one.sequence, "fact": raw[one.sequence]}
        for one in taken
        if one.place.trade in TRADES
    ]
    if rows:
        connection.execute(sa.insert(DIRECTORY), rows)


def _entry(
    items: dict[str, Item], heads: dict[str, Head], subscriber: str, n: int, kind: str, fact: str
) -> Entry:
    item = items[fact]
    head = heads.get(item.incident or "")
    head_item = items.get(head.fact) if head else None
    return Entry(subscriber, n, kind, item, items[item.about], head, head_item)  # type: ignore[arg-type]


def _copied(directory: Directory) -> Directory:
    """A directory that can be changed while others read the former one."""
    fresh = copy(directory)
    for name in Directory.__slots__:
        setattr(fresh, name, dict(getattr(directory, name)))
    return fresh
