"""The log of reads: who read which restricted item, when and why, each line bound to the one before it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from schemas.canonical import canonical
from services.incidents.tables import FACTS, READ_ENDS, READS

GENESIS = bytes(32)
"""What the first line of all is bound to."""

FIELDS = ("mode", "read_at", "watch", "person", "machine", "via", "what", "incident", "item", "reason")
_ENDS = 1
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads, for the log of reads; times with offset. ``reason`` is a code."""

    mode: str
    read_at: str
    watch: str
    person: str | None
    machine: str | None
    via: str
    what: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are wanted: none but those of ``watches``, or of items born there, and none of ``hidden``.

    Times are compared as moments: ``since`` is the first that counts, ``until`` the first that does not.
    """

    mode: str
    watches: Sequence[str]
    hidden: Sequence[str]
    incident: str | None = None
    item: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """How many lines there are, and the position of the first that does not fit; None if all do."""

    lines: int
    wrong: int | None


def append(engine: Engine, reading: Reading, items: Sequence[tuple[str, str]]) -> None:
    """Note who read which items, given as incident and item; it is kept when this returns."""
    if not items:
        return
    who = {name: getattr(reading, name) for name in reading.__slots__}
    with engine.begin() as connection:
        end = _ends(connection)
        position, link = end["position"], bytes(end["chain_hash"])
        rows = []
        for incident, item in items:
            row = {**who, "incident": incident, "item": item}
            position, link = position + 1, bind(link, row)
            rows.append(row | {"position": position, "chain_hash": link})
        connection.execute(sa.insert(READS), rows)
        moved = sa.update(READ_ENDS).where(READ_ENDS.c.id == _ENDS)
        connection.execute(moved.values(position=position, chain_hash=link))


def bind(former: bytes, row: Any) -> bytes:
    """The hash of a line over the one before it."""
    return hashlib.sha256(former + canonical({name: row[name] for name in FIELDS})).digest()


def lines(engine: Engine, wanted: Wanted, most: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest lines that are wanted, and whether there are more. Each with the watch of its item."""
    found: list[dict[str, Any]] = []
    with _reading(engine).connect() as connection:
        for row in _newest_first(connection, wanted):
            if not _within(row, wanted):
                continue
            if len(found) == most:
                return found, True
            found.append(dict(row))
    return found, False


def reason_given(
    engine: Engine, mode: str, person: str, incident: str, since: datetime, codes: Sequence[str]
) -> str | None:
    """The newest of these reasons that the person gave for reading the incident since then."""
    where = (READS.c.mode == mode, READS.c.incident == incident, READS.c.person == person)
    query = sa.select(READS.c.reason, READS.c.read_at).where(*where, READS.c.reason.in_(codes))
    with _reading(engine).connect() as connection:
        row = connection.execute(query.order_by(READS.c.position.desc()).limit(1)).mappings().first()
    return None if row is None or datetime.fromisoformat(row["read_at"]) < since else str(row["reason"])


def check(engine: Engine) -> Checked:
    """Hold the log against its own chain, from its first line to its end."""
    with _reading(engine).connect() as connection:
        end = connection.execute(sa.select(READ_ENDS)).mappings().one()
        position, link, count = end["first"] - 1, bytes(end["former_hash"]), 0
        for row in _in_order(connection, position):
            position, link, count = position + 1, bind(link, row), count + 1
            if row["position"] != position or bytes(row["chain_hash"]) != link:
                return Checked(count, position)
        is_whole = (position, link) == (end["position"], bytes(end["chain_hash"]))
        return Checked(count, None if is_whole else position + 1)


def forget_before(engine: Engine, moment: datetime) -> int:
    """Delete the lines older than ``moment`` (their term is over); how many. The rest stays bound."""
    gone = 0
    with engine.begin() as connection:
        end = _ends(connection)
        last: RowMapping | None = None
        for row in _in_order(connection, end["first"] - 1):
            if datetime.fromisoformat(row["read_at"]) >= moment:
                break
            last, gone = row, gone + 1
        if last is not None:
            connection.execute(sa.delete(READS).where(READS.c.position <= last["position"]))
            moved = sa.update(READ_ENDS).where(READ_ENDS.c.id == _ENDS)
            values = {"first": last["position"] + 1, "former_hash": bytes(last["chain_hash"])}
            connection.execute(moved.values(**values))
    return gone


def known_since(engine: Engine, now: datetime) -> str | None:
    """From when on the log knows who read what; None while nothing of it has passed its term."""
    with _reading(engine).connect() as connection:
        first = connection.execute(sa.select(READ_ENDS.c.first).where(READ_ENDS.c.id == _ENDS)).scalar_one()
        if first == 1:
            return None
        oldest = sa.select(READS.c.read_at).where(READS.c.position == first)
        return str(connection.execute(oldest).scalar() or now.isoformat())


def _ends(connection: Connection) -> RowMapping:
    """The only row of the ends, held until the transaction ends: lines are bound one after another."""
    query = sa.select(READ_ENDS).where(READ_ENDS.c.id == _ENDS).with_for_update()
    return connection.execute(query).mappings().one()


def _in_order(connection: Connection, after: int) -> Iterator[RowMapping]:
    query = sa.select(READS).order_by(READS.c.position).limit(_PAGE)
    while page := connection.execute(query.where(READS.c.position > after)).mappings().all():
        yield from page
        after = page[-1]["position"]


def _newest_first(connection: Connection, wanted: Wanted) -> Iterator[RowMapping]:
    both = sa.and_(FACTS.c.mode == READS.c.mode, FACTS.c.id == READS.c.item)
    owner = FACTS.c.watch.label("owner")
    query = sa.select(*READS.c, owner).select_from(READS.outerjoin(FACTS, both))
    query = query.where(*_conditions(wanted)).order_by(READS.c.position.desc()).limit(_PAGE)
    page = connection.execute(query).mappings().all()
    while page:
        yield from page
        page = connection.execute(query.where(READS.c.position < page[-1]["position"])).mappings().all()


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    yield READS.c.mode == wanted.mode
    yield sa.or_(READS.c.watch.in_(wanted.watches), FACTS.c.watch.in_(wanted.watches))
    yield READS.c.watch.not_in(wanted.hidden)
    yield sa.or_(FACTS.c.watch.is_(None), FACTS.c.watch.not_in(wanted.hidden))
    for name in ("incident", "item", "person"):
        if getattr(wanted, name) is not None:
            yield READS.c[name] == getattr(wanted, name)


def _within(row: RowMapping, wanted: Wanted) -> bool:
    read_at = datetime.fromisoformat(row["read_at"])
    begun = wanted.since is None or read_at >= wanted.since
    return begun and (wanted.until is None or read_at < wanted.until)


def _reading(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")
