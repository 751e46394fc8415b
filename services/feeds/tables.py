"""The tables of the feeds. None holds a word that was typed: content is fetched at delivery (D21)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.runtime.database import cursor_table


class _Table(SQLModel, registry=registry()):
    """Own registry: each service knows its own tables only."""


class RowRow(_Table, table=True):
    """One place in one subscriber's feed; ``at`` is when its fact was recorded, in ms since 1970."""

    __tablename__ = "rows"
    __table_args__ = (
        sa.Index("rows_fact", "mode", "fact"),
        sa.Index("rows_at", "mode", "subscriber", "at"),
    )
    mode: str = Field(primary_key=True)
    subscriber: str = Field(primary_key=True)
    n: int = Field(primary_key=True, sa_type=sa.BigInteger)
    kind: str
    fact: str
    at: int = Field(sa_type=sa.BigInteger)


class ItemRow(_Table, table=True):
    """What the feeds know of a fact; ``incident`` is the key of the incident that it hangs on."""

    __tablename__ = "items"
    __table_args__ = (sa.Index("items_incident", "mode", "incident"),)
    mode: str = Field(primary_key=True)
    fact: str = Field(primary_key=True)
    incident: str | None = None
    record: dict[str, Any] = Field(sa_column=sa.Column(sa.JSON, nullable=False))


class HeadRow(_Table, table=True):
    """An incident as it stands, under its key."""

    __tablename__ = "heads"
    mode: str = Field(primary_key=True)
    incident: str = Field(primary_key=True)
    fact: str
    ref: str
    state: str


class NewestRow(_Table, table=True):
    """The last number given out in a subscriber's feed."""

    __tablename__ = "newest"
    mode: str = Field(primary_key=True)
    subscriber: str = Field(primary_key=True)
    n: int = Field(sa_type=sa.BigInteger)


class DirectoryRow(_Table, table=True):
    """A fact that decides who may share with whom, as it stood in the ledger."""

    __tablename__ = "directory"
    mode: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=sa.BigInteger)
    fact: bytes


class EpochRow(_Table, table=True):
    """The epoch of a mode's feeds, and the ledger's epoch in which it began."""

    __tablename__ = "epochs"
    mode: str = Field(primary_key=True)
    epoch: str
    ledger_epoch: int


class KeptHeadRow(_Table, table=True):
    """An organisation's blinded head of a round, in hexadecimal; ``at`` is in seconds since 1970."""

    __tablename__ = "kept_heads"
    mode: str = Field(primary_key=True)
    organisation: str = Field(primary_key=True)
    at: int = Field(primary_key=True, sa_type=sa.BigInteger)
    head: str


METADATA = _Table.metadata
CURSOR = cursor_table(METADATA)


def table_of(model: type[SQLModel]) -> sa.Table:
    """The table behind a model, for writing in batches."""
    table: sa.Table = METADATA.tables[str(model.__tablename__)]
    return table


ROWS, ITEMS, HEADS = table_of(RowRow), table_of(ItemRow), table_of(HeadRow)
NEWEST, DIRECTORY, EPOCHS = table_of(NewestRow), table_of(DirectoryRow), table_of(EpochRow)
KEPT_HEADS = table_of(KeptHeadRow)
