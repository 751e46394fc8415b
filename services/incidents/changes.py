"""What ties, transfers, places and a broken glass change in rows that the archive has already."""

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas import incidents, relations
from services.incidents.projection import Rows, number_in
from services.incidents.tables import CONTENT, INCIDENTS, REFERENCES


def change(connection: Connection, mode: str, rows: Rows) -> None:
    """Write what a batch changes; it may be in rows of the same batch."""
    for (watch, id), responsible in rows.responsible.items():
        connection.execute(sa.update(INCIDENTS).where(_head(mode, watch, id)).values(responsible=responsible))
    for (watch, id), numbers in rows.municipalities.items():
        connection.execute(sa.update(INCIDENTS).where(_head(mode, watch, id)).values(municipalities=numbers))
    for watch, id, body in rows.broken:
        _break(connection, mode, _head(mode, watch, id), body)


def heal_numbers(connection: Connection, mode: str, found: Mapping[str, bytes]) -> None:
    """Case numbers whose content was missing, and is there again."""
    here = sa.and_(REFERENCES.c.mode == mode, REFERENCES.c.fact.in_(found), REFERENCES.c.number.is_(None))
    for fact in connection.execute(sa.select(REFERENCES.c.fact).where(here)).scalars().all():
        where = sa.and_(REFERENCES.c.mode == mode, REFERENCES.c.fact == fact)
        connection.execute(sa.update(REFERENCES).where(where).values(number=number_in(found[fact])))


def erase_number(connection: Connection, mode: str, fact: str) -> None:
    """A case number goes with its content."""
    where = sa.and_(REFERENCES.c.mode == mode, REFERENCES.c.fact == fact)
    connection.execute(sa.update(REFERENCES).where(where).values(number=None))


def _break(connection: Connection, mode: str, where: Any, body: relations.GlassBroken) -> None:
    head = connection.execute(sa.select(INCIDENTS).where(where)).mappings().first()
    fact = body.entry
    if head is not None and body.entry in (incidents.HEAD, head["fact"]):
        fact = head["fact"]
        broken = [*orjson.loads(head["broken"]), [body.to, body.until.isoformat()]]
        values = {"broken": orjson.dumps(broken).decode()}
        connection.execute(sa.update(INCIDENTS).where(where).values(**values))
    if body.commitment is not None:
        content = sa.and_(CONTENT.c.mode == mode, CONTENT.c.fact == fact)
        connection.execute(sa.update(CONTENT).where(content).values(raised=True))


def _head(mode: str, watch: str, id: str) -> sa.ColumnElement[bool]:
    return sa.and_(INCIDENTS.c.mode == mode, INCIDENTS.c.watch == watch, INCIDENTS.c.id == id)
