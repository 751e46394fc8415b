"""The tables of notifications: open chains, messages about to be sent, links, contacts, what was reacted to.

The chains' history is in the ledger. These rows say which chains are open and which messages may have gone
out without a record, so that a start after a crash goes on there. Times are milliseconds since 1970.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

R = TypeVar("R")
Work = Callable[[Connection], Any]


class _Row(SQLModel, registry=registry()):
    """Tables of this service only; another's tables may bear the same names."""


class ChainRow(_Row, table=True):
    """A chain and where its facts lie; ``outcome`` is empty while it is open."""

    __tablename__ = "chain"
    chain: str = Field(primary_key=True)
    mode: str
    org: str
    owner: str
    incident: str = Field(index=True)
    watch: str = Field(index=True)
    item: str
    started_at: int = Field(sa_type=sa.BigInteger)
    outcome: str = Field(default="", index=True)
    ended_at: int | None = Field(default=None, sa_type=sa.BigInteger)


class DeliveryRow(_Row, table=True):
    """A message about to be sent; ``done`` once the ledger says what became of it."""

    __tablename__ = "delivery"
    delivery: str = Field(primary_key=True)
    chain: str = Field(index=True)
    person: str
    function: str
    step: int
    attempt: int
    begun_at: int = Field(sa_type=sa.BigInteger)
    done: bool = Field(default=False, index=True)


class LinkRow(_Row, table=True):
    """The SHA-256 of a link's secret: one person's, in one chain."""

    __tablename__ = "link"
    secret_hash: str = Field(primary_key=True)
    chain: str = Field(index=True)
    person: str
    watch: str


class ContactRow(_Row, table=True):
    """A copy of one value of the bucket PEOPLE."""

    __tablename__ = "contact"
    person: str = Field(primary_key=True)
    value: bytes
    sequence: int = Field(sa_type=sa.BigInteger)


class DoneRow(_Row, table=True):
    """A fact that was reacted to."""

    __tablename__ = "done"
    mode: str = Field(primary_key=True)
    fact: str = Field(primary_key=True)


def table(model: type[SQLModel]) -> sa.Table:
    """The Core table of a model."""
    found: sa.Table = model.__table__  # type: ignore[attr-defined]
    return found


CHAIN, DELIVERY, LINK = table(ChainRow), table(DeliveryRow), table(LinkRow)
CONTACT, DONE = table(ContactRow), table(DoneRow)


@dataclass(slots=True)
class _Waiting:
    work: Work
    future: "asyncio.Future[Any]"


class Store:
    """Runs work against the tables in one thread; what waits at the same time shares one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "notifications-store")
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[Connection], R]) -> R:
        """Run ``work`` in a transaction; returns when it is committed, raises what it raises."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(work, future))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())
        return await future

    async def scrub(self) -> None:
        """Leave no byte of deleted contacts in the database's files."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._scrub)

    async def close(self) -> None:
        """Wait for what runs, and let the database go."""
        while self._task is not None:
            await asyncio.wait([self._task])
        self._thread.shutdown()
        self._engine.dispose()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            many, self._waiting = self._waiting, []
            results = await loop.run_in_executor(self._thread, self._commit, [one.work for one in many])
            for one, result in zip(many, results, strict=True):
                _settle(one.future, result)
        self._task = None

    def _scrub(self) -> None:
        with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            is_file = self._engine.dialect.name == "sqlite"
            connection.exec_driver_sql(
                "PRAGMA wal_checkpoint(TRUNCATE)" if is_file else "VACUUM (FULL) contact"
            )

    def _commit(self, many: list[Work]) -> list[Any]:
        try:
            with self._engine.begin() as connection:
                results = [work(connection) for work in many]
            return results
        except Exception:
            return [self._alone(work) for work in many]

    def _alone(self, work: Work) -> Any:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except Exception as fault:
            return fault


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def milliseconds(moment: datetime) -> int:
    """A moment as it stands in a row."""
    return int(moment.timestamp() * 1000)


def moment(stored: int) -> datetime:
    """A row's moment, with offset."""
    return datetime.fromtimestamp(stored / 1000, UTC)


def add(rows: Iterable[SQLModel]) -> Work:
    """Insert rows; those whose key is there already are left as they are."""
    many = [(table(type(row)), row.model_dump()) for row in rows]

    def work(connection: Connection) -> None:
        for target, values in many:
            key = sa.and_(*(column == values[column.name] for column in target.primary_key))
            if connection.execute(sa.select(sa.literal(1)).where(key)).first() is None:
                connection.execute(sa.insert(target), values)

    return work


def end_chain(chain: str, outcome: str, at: datetime) -> Work:
    """Note how a chain ended; its links end with it."""

    def work(connection: Connection) -> None:
        values = {"outcome": outcome, "ended_at": milliseconds(at)}
        connection.execute(sa.update(CHAIN).where(CHAIN.c.chain == chain).values(**values))
        connection.execute(sa.update(DELIVERY).where(DELIVERY.c.chain == chain).values(done=True))

    return work


def finish(delivery: str) -> Work:
    """Note that the ledger says what became of a message."""
    return lambda connection: connection.execute(
        sa.update(DELIVERY).where(DELIVERY.c.delivery == delivery).values(done=True)
    )


def chains(**where: Any) -> Callable[[Connection], list[ChainRow]]:
    """The chains whose columns have these values, the oldest first."""
    query = sa.select(CHAIN).filter_by(**where).order_by(CHAIN.c.started_at, CHAIN.c.chain)
    return lambda connection: [ChainRow(**row) for row in connection.execute(query).mappings()]


def unrecorded() -> Callable[[Connection], list[DeliveryRow]]:
    """Messages that may have gone out without a record."""
    query = sa.select(DELIVERY).where(DELIVERY.c.done.is_(False)).order_by(DELIVERY.c.begun_at)
    return lambda connection: [DeliveryRow(**row) for row in connection.execute(query).mappings()]


def link(secret_hash: str) -> Callable[[Connection], LinkRow | None]:
    """The link with that hash, or None."""
    query = sa.select(LINK).where(LINK.c.secret_hash == secret_hash)

    def work(connection: Connection) -> LinkRow | None:
        row = connection.execute(query).mappings().first()
        return None if row is None else LinkRow(**row)

    return work


def drop_old(before: datetime) -> Work:
    """Delete links and finished messages of chains that ended before a moment."""

    def work(connection: Connection) -> None:
        old = sa.select(CHAIN.c.chain).where(CHAIN.c.ended_at < milliseconds(before))
        connection.execute(sa.delete(LINK).where(LINK.c.chain.in_(old)))
        connection.execute(sa.delete(DELIVERY).where(DELIVERY.c.chain.in_(old)))

    return work


def is_done(mode: str, fact: str) -> Callable[[Connection], bool]:
    """True if the fact was reacted to."""
    query = sa.select(DONE.c.fact).where(DONE.c.mode == mode, DONE.c.fact == fact)
    return lambda connection: connection.execute(query).first() is not None


def contacts() -> Callable[[Connection], dict[str, bytes]]:
    """The copy of PEOPLE, by person."""
    query = sa.select(CONTACT.c.person, CONTACT.c.value)
    return lambda connection: {row.person: row.value for row in connection.execute(query)}


def keep_contact(person: str, value: bytes, sequence: int) -> Callable[[Connection], bool]:
    """Take in one value of PEOPLE; True if an earlier one gave way. An empty value only drops the earlier."""

    def work(connection: Connection) -> bool:
        mine = CONTACT.c.person == person
        former = connection.execute(sa.select(CONTACT.c.value).where(mine)).scalar()
        if former == value:
            return False
        connection.execute(sa.delete(CONTACT).where(mine))
        if value:
            row = {"person": person, "value": value, "sequence": sequence}
            connection.execute(sa.insert(CONTACT), row)
        return former is not None

    return work
