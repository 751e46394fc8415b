"""Reads and writes of the table of open deadlines. Their history is in the ledger (D7)."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from services.reports.tables import DEADLINE, DeadlineRow

Wheel = tuple[str, str, str, str]
"""Mode, organisation and watch of the birthplace, and id: what names a wheel."""


class Store:
    """Reads and writes the rows; each call is one transaction, for a thread beside the loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
