"""The tables of notifications: open chains, messages about to be sent, links, contacts, what was reacted to.

The chains' history is in the ledger. These rows say which chains are open and which messages may have gone
out without a record, so that a start after a crash goes on there. Times are milliseconds since 1970.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.notifications.commits import Work
from services.runtime.database import cursor_table, table


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


CHAIN, DELIVERY, LINK = table(ChainRow), table(DeliveryRow), table(LinkRow)
CONTACT, DONE = table(ContactRow), table(DoneRow)
CURSOR = cursor_table(_Row.metadata)


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
