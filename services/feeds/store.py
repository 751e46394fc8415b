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
from schemas.directory import FACTS, Directory
from schemas.discards import Share
from schemas.subjects import parse_place
from services.feeds import forgetting, records
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
    ``anew``: the feeds were numbered anew, and every reader begins again.
    """

    mode: str
    epoch: str
    entries: list[Entry]
    newest: dict[str, int]
    erased: list[str]
    since: datetime | None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Part of one subscriber's feed, in order; ``newest`` is the last number given out."""

    epoch: str
    newest: int
    entries: list[Entry]


@dataclass(slots=True)
class _Standing:
    """What the only writer knows of a mode without asking its tables; read anew after a failed batch."""

    directory: Directory
    epoch: str
    ledger_epoch: int | None
    newest: dict[str, int]


class Store:
    """The feeds' tables. ``on_commit`` is called in the writing thread, after each commit."""

    def __init__(self, engine: Engine, on_commit: Callable[[Fresh], None] = lambda fresh: None) -> None:
        self._engine = engine
        self._on_commit = on_commit
        self._standing: dict[str, _Standing] = {}
        self._loading = threading.Lock()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def directory(self, mode: str) -> Directory:
        """Who may share with whom, as of the last fact taken in. A later one takes its place, unchanged."""
        return self._known(mode).directory

    def cursor(self, mode: str) -> Mark:
        """The last fact taken in; sequence 0 before the first."""
        with self._engine.begin() as connection:
            return Mark(*read_cursor(connection, CURSOR, mode))

    def apply(self, mode: str, epoch: int, batch: list[Message]) -> bool:
        """Take in a batch and move the cursor, in one transaction; True if it was something for a subscriber.

        A fact whose id, or whose incident's opening, came before has no effect here. One by which rows go has
        a transaction of its own. Raises CursorMoved.
        """
        taken = [one for message in batch if (one := _take(message)) is not None]
        told = [self._apply(mode, epoch, *piece) for piece in forgetting.pieces(batch, taken)]
        return any(told)

    def _apply(self, mode: str, epoch: int, batch: list[Message], taken: list[Taken]) -> bool:
        try:
            try:
                fresh = self._take_in(mode, epoch, batch, taken)
            except sa.exc.IntegrityError:
                self._standing.pop(mode, None)
                fresh = self._take_in(mode, epoch, batch, self._first_only(mode, taken))
        except Exception:
            self._standing.pop(mode, None)
            raise
        self._on_commit(fresh)
        return bool(fresh.entries)

    def _first_only(self, mode: str, taken: list[Taken]) -> list[Taken]:
        with self._engine.begin() as connection:
            return records.without_doubles(connection, mode, taken)

    def _take_in(self, mode: str, epoch: int, batch: list[Message], taken: list[Taken]) -> Fresh:
        standing = self._known(mode)
        picture = Picture(mode, _copied(standing.directory, taken))
        with self._engine.begin() as connection:
            feed_epoch = standing.epoch
            if standing.ledger_epoch != epoch:
                feed_epoch = records.begin_epoch(connection, mode, epoch)
            known = _load(connection, picture, taken)
            for one in taken:
                picture.take(one)
            entries, grown = _number(picture, standing.newest)
            _write(connection, picture, entries, known)
            records.put_newest(connection, mode, grown, standing.newest.keys())
            gone = forgetting.forget(connection, mode, taken, picture.directory)
            if gone.rows:
                forgetting.number_anew(connection, mode)
                feed_epoch, grown = (
                    records.begin_epoch(connection, mode, epoch),
                    records.newest(connection, mode),
                )
            _keep_directory(connection, mode, batch, taken)
            former, last = batch[0].sequence - 1, batch[-1]
            move_cursor(connection, CURSOR, mode, former, epoch, last.sequence, digest(last.data))
        newest = standing.newest | grown
        self._standing[mode] = _Standing(picture.directory, feed_epoch, epoch, newest)
        since = min((row.at for row in picture.rows), default=None)
        return Fresh(mode, feed_epoch, entries, grown, [*picture.erased, *gone.facts], since, bool(gone.rows))

    def page(self, mode: str, subscriber: str, after: int, limit: int) -> Page:
        """Rows after number ``after``, at most ``limit``."""
        return self._page(mode, subscriber, ROWS.c.n > after, limit)

    def page_since(self, mode: str, subscriber: str, since: datetime, limit: int) -> Page:
        """Rows from the first one on that was recorded at or after ``since``, at most ``limit``."""
        young = sa.and_(ROWS.c.mode == mode, ROWS.c.subscriber == subscriber)
        young = sa.and_(young, ROWS.c.at >= records.milliseconds(since))
        first = sa.select(sa.func.min(ROWS.c.n)).where(young).scalar_subquery()
        return self._page(mode, subscriber, ROWS.c.n >= first, limit)

    def given(self, mode: str, incident: str, most: int) -> tuple[list[dict[str, object]], str | None]:
        """Who was given which item of an incident, and since when it is known; None: from the first on."""
        with self._engine.begin() as connection:
            found = records.items_of(connection, mode, incident)
            rows = records.given(connection, mode, incident, most)
        return rows, max((item.passed for item in found if item.passed), default=None)

    def of_share(self, mode: str, share: Share) -> tuple[int, int]:
        """How many items and rows there are of an exercise."""
        with self._engine.begin() as connection:
            found = [item.fact for item in forgetting.belonging(connection, mode, share)]
            return len(found), records.count_rows(connection, mode, found)

    def standing(self, mode: str) -> tuple[str, dict[str, int]]:
        """The feeds' epoch, empty before the first fact, and the newest number of each subscriber."""
        with self._engine.begin() as connection:
            return records.epoch(connection, mode), records.newest(connection, mode)

    def _known(self, mode: str) -> _Standing:
        with self._loading:
            if mode not in self._standing:
                with self._engine.begin() as connection:
                    self._standing[mode] = _Standing(
                        records.directory(connection, mode),
                        records.epoch(connection, mode),
                        records.ledger_epoch(connection, mode),
                        records.newest(connection, mode),
                    )
            return self._standing[mode]

    def _page(self, mode: str, subscriber: str, where: sa.ColumnElement[bool], limit: int) -> Page:
        mine = sa.and_(ROWS.c.mode == mode, ROWS.c.subscriber == subscriber)
        wanted = sa.select(ROWS).where(mine, where).order_by(ROWS.c.n).limit(limit)
        with self._engine.begin() as connection:
            epoch, newest = records.epoch(connection, mode), records.newest(connection, mode)
            rows = connection.execute(wanted).mappings().all()
            items, heads = _stood(connection, mode, {row["fact"] for row in rows})
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What had a row before the batch."""

    items: frozenset[str]
    heads: frozenset[str]


def _load(connection: Connection, picture: Picture, taken: list[Taken]) -> _Known:
    """What stood before, as far as the batch hangs on it."""
    incidents, facts = mentioned(taken)
    picture.items = records.items(connection, picture.mode, facts)
    incidents |= {item.incident for item in picture.items.values() if item.incident}
    picture.heads = records.heads(connection, picture.mode, incidents)
    more = {head.fact for head in picture.heads.values()} | {item.about for item in picture.items.values()}
    picture.items |= records.items(connection, picture.mode, more - picture.items.keys())
    picture.had = records.holders(connection, picture.mode, facts | more)
    return _Known(frozenset(picture.items), frozenset(picture.heads))


def _stood(connection: Connection, mode: str, facts: set[str]) -> tuple[dict[str, Item], dict[str, Head]]:
    """The items of these facts, and the items and incidents that decide who sees them."""
    items = records.items(connection, mode, facts)
    wanted = {item.incident for item in items.values()} | {item.into for item in items.values()}
    heads = records.heads(connection, mode, {key for key in wanted if key})
    more = {item.about for item in items.values()} | {head.fact for head in heads.values()}
    return items | records.items(connection, mode, more - items.keys()), heads


def _number(picture: Picture, newest: dict[str, int]) -> tuple[list[Entry], dict[str, int]]:
    """The new rows with their places, and the newest number of each feed that grew."""
    grown: dict[str, int] = {}
    entries = []
    for row in picture.rows:
        n = grown[row.subscriber] = grown.get(row.subscriber, newest.get(row.subscriber, 0)) + 1
        entries.append(_entry(picture.items, picture.heads, row.subscriber, n, row.kind, row.fact))
    return entries, grown


def _write(connection: Connection, picture: Picture, entries: list[Entry], known: _Known) -> None:
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
    items = [picture.items[fact] for fact in sorted(picture.changed_items)]
    records.put_items(connection, picture.mode, items, known.items)
    heads = [picture.heads[key] for key in sorted(picture.changed_heads)]
    records.put_heads(connection, picture.mode, heads, known.heads)


def _keep_directory(connection: Connection, mode: str, batch: list[Message], taken: list[Taken]) -> None:
    raw = {message.sequence: message.data for message in batch}
    rows = [
        {"mode": mode, "sequence": one.sequence, "fact": raw[one.sequence]}
        for one in taken
        if _is_of_directory(one)
    ]
    if rows:
        connection.execute(sa.insert(DIRECTORY), rows)


def _entry(
    items: dict[str, Item], heads: dict[str, Head], subscriber: str, n: int, kind: str, fact: str
) -> Entry:
    item = items[fact]
    head, into = heads.get(item.incident or ""), heads.get(item.into or "")
    head_item = items.get(head.fact) if head else None
    into_item = items.get(into.fact) if into else None
    about = items[item.about]
    return Entry(subscriber, n, kind, item, about, head, head_item, into, into_item)  # type: ignore[arg-type]


def _is_of_directory(one: Taken) -> bool:
    return (one.place.trade, one.place.fact) in FACTS


def _copied(directory: Directory, taken: list[Taken]) -> Directory:
    """A directory that the batch may change while others read the former one."""
    if not any(map(_is_of_directory, taken)):
        return directory
    fresh = copy(directory)
    for name in Directory.__slots__:
        setattr(fresh, name, dict(getattr(directory, name)))
    return fresh
