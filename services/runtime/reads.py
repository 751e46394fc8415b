"""A log of reads: who read what, each line bound to the one before it.

Each room that gives out restricted items keeps one among its own tables; they are all kept alike.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from schemas.canonical import canonical
from services.runtime import logs
from services.runtime.database import reading
from services.runtime.lasting import in_thread

_ENDS = 1
_PAGE = 1000
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Checked:
    """How many lines there are, and the position of the first that does not fit; None if all do."""

    lines: int
    wrong: int | None


def read_ends_table(metadata: sa.MetaData) -> sa.Table:
    """The table whose only row says where a log ends, and where it begins since its oldest lines are gone."""
    return sa.Table(
        "read_ends",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("chain_hash", sa.LargeBinary, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("former_hash", sa.LargeBinary, nullable=False),
    )


@dataclass(frozen=True, slots=True)
class ReadLog:
    """One room's log: its lines, the row that says where it begins and ends, and the fields that are bound.

    A line has ``position``, from 1 on, and ``chain_hash``: over the hash before it (at first 32 zeros)
    and its ``fields``, among them ``read_at``.
    """

    engine: Engine
    lines: sa.Table
    ends: sa.Table
    fields: Sequence[str]

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note some lines; they are kept when this returns."""
        if not rows:
            return
        with self.engine.begin() as connection:
            end = self._end(connection)
            position, link = end["position"], bytes(end["chain_hash"])
            bound = []
            for row in rows:
                position, link = position + 1, self.bind(link, row)
                bound.append({**row, "position": position, "chain_hash": link})
            connection.execute(sa.insert(self.lines), bound)
            self._move(connection, position=position, chain_hash=link)

    def bind(self, former: bytes, row: Mapping[Any, Any]) -> bytes:
        """The hash of a line over the one before it."""
        return hashlib.sha256(former + canonical({name: row[name] for name in self.fields})).digest()

    def check(self) -> Checked:
        """Hold the log against its own chain, from its first line to its end."""
        with reading(self.engine).connect() as connection:
            end = connection.execute(sa.select(self.ends)).mappings().one()
            position, link, count = end["first"] - 1, bytes(end["former_hash"]), 0
            for row in self._in_order(connection, position):
                position, link, count = position + 1, self.bind(link, row), count + 1
                if row["position"] != position or bytes(row["chain_hash"]) != link:
                    return Checked(count, position)
            is_whole = (position, link) == (end["position"], bytes(end["chain_hash"]))
            return Checked(count, None if is_whole else position + 1)

    def forget_before(self, moment: datetime) -> int:
        """Delete the lines older than ``moment`` (their term is over); how many. The rest stays bound."""
        gone = 0
        with self.engine.begin() as connection:
            last: RowMapping | None = None
            for row in self._in_order(connection, self._end(connection)["first"] - 1):
                if datetime.fromisoformat(row["read_at"]) >= moment:
                    break
                last, gone = row, gone + 1
            if last is not None:
                place = self.lines.c.position
                connection.execute(sa.delete(self.lines).where(place <= last["position"]))
                self._move(connection, first=last["position"] + 1, former_hash=bytes(last["chain_hash"]))
        return gone

    def known_since(self, now: datetime) -> str | None:
        """From when on the log knows who read what; None while nothing of it has passed its term."""
        with reading(self.engine).connect() as connection:
            first = connection.execute(
                sa.select(self.ends.c.first).where(self.ends.c.id == _ENDS)
            ).scalar_one()
            if first == 1:
                return None
            oldest = sa.select(self.lines.c.read_at).where(self.lines.c.position == first)
            return str(connection.execute(oldest).scalar() or now.isoformat())

    def newest(
        self, query: sa.Select[Any], since: datetime | None, until: datetime | None, most: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """The newest lines that a query over them finds, and whether there are more.

        Times are compared as moments: ``since`` is the first that counts, ``until`` the first that does not.
        """
        found: list[dict[str, Any]] = []
        for row in self._newest_first(query):
            read_at = datetime.fromisoformat(row["read_at"])
            if (since is not None and read_at < since) or (until is not None and read_at >= until):
                continue
            if len(found) == most:
                return found, True
            found.append(dict(row))
        return found, False

    def reason_given(
        self, since: datetime, codes: Sequence[str], *where: sa.ColumnElement[bool]
    ) -> str | None:
        """The newest of these reasons that was given since then, on lines that meet the conditions."""
        query = sa.select(self.lines.c.reason, self.lines.c.read_at).where(*where)
        query = query.where(self.lines.c.reason.in_(codes)).order_by(self.lines.c.position.desc()).limit(1)
        with reading(self.engine).connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None or datetime.fromisoformat(row["read_at"]) < since else str(row["reason"])

    def _newest_first(self, query: sa.Select[Any]) -> Iterator[RowMapping]:
        place = self.lines.c.position
        query = query.order_by(place.desc()).limit(_PAGE)
        with reading(self.engine).connect() as connection:
            page = connection.execute(query).mappings().all()
            while page:
                yield from page
                page = connection.execute(query.where(place < page[-1]["position"])).mappings().all()

    def _in_order(self, connection: Connection, after: int) -> Iterator[RowMapping]:
        place = self.lines.c.position
        query = sa.select(self.lines).order_by(place).limit(_PAGE)
        while page := connection.execute(query.where(place > after)).mappings().all():
            yield from page
            after = page[-1]["position"]

    def _end(self, connection: Connection) -> RowMapping:
        """The only row of the ends, held until the transaction ends: lines are bound one after another."""
        query = sa.select(self.ends).where(self.ends.c.id == _ENDS).with_for_update()
        return connection.execute(query).mappings().one()

    def _move(self, connection: Connection, **values: Any) -> None:
        connection.execute(sa.update(self.ends).where(self.ends.c.id == _ENDS).values(**values))


async def keep_term(log: ReadLog, days: int) -> None:
    """Let lines go that are older than so many days: at start and once a day, for ever."""
    while True:
        try:
            await in_thread(log.forget_before, datetime.now(UTC) - timedelta(days=days))
        except Exception as fault:
            logs.get().error("reads.term_not_kept", exc_info=fault)
        await asyncio.sleep(_DAY_S)


def line(row: Mapping[str, Any], organisation: str) -> dict[str, Any]:
    """What is told of a line, whichever room's: another house's reader is known by watch only."""
    shown = {name: row[name] for name in ("read_at", "watch", "what", "reason", "owner")}
    shown |= {name: row[name] or None for name in ("incident", "item")}
    is_own_house = row["watch"].partition(".")[0] == organisation
    return shown | {name: row[name] if is_own_house else None for name in ("person", "machine", "via")}
