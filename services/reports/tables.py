"""The tables of reports: which deadlines stand open, and who read which report.

Deadlines follow from the ledger; times are milliseconds since 1970, by the clock of the deadline's wheel.
"""

import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.runtime.database import table
from services.runtime.reads import read_ends_table


class _Row(SQLModel, registry=registry()):
    """Tables of this service only; another's tables may bear the same names."""


class DeadlineRow(_Row, table=True):
    """An open deadline of one watch, and where the facts of its wheel lie."""

    __tablename__ = "deadline"
    deadline: str = Field(primary_key=True)
    mode: str
    org: str
    owner: str
    wheel: str = Field(index=True)
    watch: str
    due_at: int = Field(sa_type=sa.BigInteger)
    reminded: bool = False


class ReadRow(_Row, table=True):
    """Who read which version of a report, or an entry in it. Follows from nothing else.

    ``owner`` is the watch of what was read; ``item`` the id of the fact that locked the version or wrote the
    draft, or of the entry; ``chain_hash`` binds a line to the one before it.
    """

    __tablename__ = "reads"
    __table_args__ = (
        sa.Index("reads_report", "mode", "report"),
        sa.Index("reads_incident", "mode", "incident"),
    )
    position: int = Field(primary_key=True, sa_type=sa.BigInteger)
    chain_hash: bytes = Field(sa_type=sa.LargeBinary)
    mode: str
    read_at: str
    watch: str
    person: str | None
    machine: str | None
    via: str
    what: str
    owner: str
    report: str
    version: int
    incident: str
    item: str
    reason: str | None


DEADLINE, READS = table(DeadlineRow), table(ReadRow)
READ_ENDS = read_ends_table(_Row.metadata)
