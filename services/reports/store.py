"""The table of reports: which deadlines stand open. Their history is in the ledger (D7).

Times are milliseconds since 1970, by the clock of the deadline's wheel.
"""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


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


DEADLINE: sa.Table = DeadlineRow.__table__  # type: ignore[attr-defined]

Wheel = tuple[str, str, str, str]
"""Mode, organisation and watch of the birthplace, and id: what names a wheel."""


class Store:
    """Reads and writes the rows; each call is one transaction, for a thread beside the loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def replace(self, wheel: Wheel, rows: Iterable[DeadlineRow]) -> None:
        """What stands open in a wheel, in the place of what stood there before."""
        values = [row.model_dump() for row in rows]
        with self._engine.begin() as connection:
            connection.execute(sa.delete(DEADLINE).where(_of(wheel)))
            if values:
                connection.execute(sa.insert(DEADLINE), values)

    def open(self) -> list[DeadlineRow]:
        """Every open deadline, the earliest first."""
        query = sa.select(DEADLINE).order_by(DEADLINE.c.due_at, DEADLINE.c.deadline)
        with self._engine.connect() as connection:
            return [DeadlineRow(**row) for row in connection.execute(query).mappings()]


def _of(wheel: Wheel) -> sa.ColumnElement[bool]:
    columns = (DEADLINE.c.mode, DEADLINE.c.org, DEADLINE.c.owner, DEADLINE.c.wheel)
    return sa.and_(*(column == value for column, value in zip(columns, wheel, strict=True)))


def milliseconds(moment: datetime) -> int:
    """A moment as it stands in a row."""
    return int(moment.timestamp() * 1000)
