"""What the queries look up in the archive."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, RowMapping

from schemas import notifications
from schemas.incidents import SharedWider
from schemas.relations import GlassBroken, PlaceChanged
from schemas.vocabulary import IncidentState, Level
from services.incidents import bulk, reads
from services.incidents.reads import Reading
from services.incidents.tables import CONTENT, FACTS, INCIDENTS, REFERENCES, TURNS
from services.runtime.database import reading

STOOD = ("state", "level", "named")
"""What is kept of how an incident stood at each moment."""
_CLOSED: sa.ColumnClause[str] = sa.literal_column(f"'{IncidentState.CLOSED.value}'")
"""Written out, so that the index of what is not closed serves."""
_HEAD = (*INCIDENTS.c, CONTENT.c.sealed, CONTENT.c.erased)
_WORDS = sa.and_(CONTENT.c.mode == INCIDENTS.c.mode, CONTENT.c.fact == INCIDENTS.c.fact)
_WIDE = (Level.NAMED.value, Level.REGION.value, Level.PUBLIC.value)

_NEWEST = 1 << 62


class Lookups:
    """Reads of the archive, each a snapshot of its own; only ``record`` writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def about(self, mode: str, id: str) -> Sequence[RowMapping]:
        """Every fact about an id, of all birthplaces, in ledger order, with its content."""
        both = sa.and_(CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id)
        columns = (
            FACTS.c.sequence,
            FACTS.c.subject,
            FACTS.c.raw,
            FACTS.c.id,
            CONTENT.c.sealed,
            CONTENT.c.erased,
        )
        query = sa.select(*columns).select_from(FACTS.outerjoin(CONTENT, both))
        query = query.where(FACTS.c.mode == mode, FACTS.c.about == id, FACTS.c.id.is_not(None))
        return self._all(query.order_by(FACTS.c.sequence))

    def telling(self, mode: str, ids: Collection[str]) -> Sequence[RowMapping]:
        """The facts about these incidents that say who was told, or that more may see; in any order."""
        names = (SharedWider.name, GlassBroken.name)
        wanted = [FACTS.c.subject.endswith(f".{name}", autoescape=True) for name in names]
        wanted.append(FACTS.c.subject.contains(f".{notifications.TRADE}.", autoescape=True))
        return self._all(_bare().where(FACTS.c.mode == mode, FACTS.c.about.in_(sorted(ids)), sa.or_(*wanted)))

    def facts(self, mode: str, ids: Collection[str]) -> Sequence[RowMapping]:
        """These facts, without their content, in any order."""
        return self._all(_bare().where(FACTS.c.mode == mode, FACTS.c.id.in_(sorted(ids))))

    def places_of(self, mode: str, entries: Sequence[dict[str, Any]]) -> dict[str, int]:
        """Where the facts of entries stand in the ledger, by id."""
        query = sa.select(FACTS.c.id, FACTS.c.sequence).where(FACTS.c.mode == mode)
        rows = self._all(query.where(FACTS.c.id.in_([entry["id"] for entry in entries])))
        return {row["id"]: row["sequence"] for row in rows}

    def by_ref(self, mode: str, ref: str) -> Sequence[RowMapping]:
        """The incidents with that ref."""
        where = (INCIDENTS.c.mode == mode, INCIDENTS.c.ref == ref)
        return self._all(sa.select(INCIDENTS).where(*where).order_by(INCIDENTS.c.sequence))

    def by_number(self, mode: str, watches: Sequence[str], year: int, number: int) -> Sequence[RowMapping]:
        """The incidents with that running number in one of the watches."""
        where = (INCIDENTS.c.mode == mode, INCIDENTS.c.watch.in_(watches), INCIDENTS.c.year == year)
        return self._all(sa.select(INCIDENTS).where(*where, INCIDENTS.c.number == number))

    def by_id(self, mode: str, id: str) -> Sequence[RowMapping]:
        """The heads under that id, one for each birthplace."""
        where = (INCIDENTS.c.mode == mode, INCIDENTS.c.id == id)
        return self._all(sa.select(INCIDENTS).where(*where).order_by(INCIDENTS.c.sequence))

    def refs(self, mode: str, ids: Collection[str]) -> dict[str, str]:
        """The refs of these incidents, by id."""
        where = (INCIDENTS.c.mode == mode, INCIDENTS.c.id.in_(ids))
        query = sa.select(INCIDENTS.c.id, INCIDENTS.c.ref).where(*where)
        return {row["id"]: row["ref"] for row in self._all(query)}

    def by_ids(self, mode: str, ids: Collection[str]) -> Sequence[RowMapping]:
        """The heads of these incidents; of an id that was opened twice, the first."""
        found = sa.select(INCIDENTS).where(INCIDENTS.c.mode == mode, INCIDENTS.c.id.in_(sorted(ids)))
        rows = {row["id"]: row for row in self._all(found.order_by(INCIDENTS.c.sequence.desc()))}
        return list(rows.values())

    def by_case(self, mode: str, system: str, number: str, most: int = 50) -> Sequence[RowMapping]:
        """Incident and fact of each reference to a case number, the newest first."""
        same = (REFERENCES.c.mode == mode, REFERENCES.c.system == system, REFERENCES.c.number == number)
        both = sa.and_(FACTS.c.mode == REFERENCES.c.mode, FACTS.c.id == REFERENCES.c.fact)
        query = sa.select(REFERENCES.c.incident, REFERENCES.c.fact).select_from(REFERENCES.join(FACTS, both))
        return self._all(query.where(*same).order_by(FACTS.c.sequence.desc()).limit(most))

    def places(self, mode: str, ids: Collection[str]) -> Sequence[RowMapping]:
        """The words of every change of place of these incidents, in ledger order."""
        both = sa.and_(CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id)
        query = sa.select(FACTS.c.about, CONTENT.c.sealed).select_from(FACTS.join(CONTENT, both))
        where = (FACTS.c.mode == mode, FACTS.c.about.in_(sorted(ids)))
        changed = FACTS.c.subject.endswith(f".{PlaceChanged.name}", autoescape=True)
        return self._all(query.where(*where, changed).order_by(FACTS.c.sequence))

    def alike(self, mode: str, type: str, viewer: str, most: int) -> Sequence[RowMapping]:
        """Open heads of one type that the watch may perhaps see, the newest first, with their content."""
        return self.heads(mode, "open", viewer, _NEWEST, most, INCIDENTS.c.type == type)

    def heads(
        self,
        mode: str,
        state: str,
        viewer: str,
        before: int,
        most: int,
        *where: sa.ColumnElement[bool],
    ) -> Sequence[RowMapping]:
        """Heads that the watch ``viewer`` may perhaps see, the newest first, with their content."""
        return self._all(_reached(_now(state).where(*where), mode, viewer, before, most))

    def heads_then(
        self, mode: str, state: str, viewer: str, before: int, most: int, at: int
    ) -> Sequence[Mapping[Any, Any]]:
        """The same of those that were there at a moment, in milliseconds since 1970, in that state.

        How they stood is ``then_state``, ``then_level``, ``then_named``; None of one that stood otherwise.
        Few are open at a time, so those are looked up by their turns, and then their heads.
        """
        if state != "open":
            return self._all(_reached(_then(state, at), mode, viewer, before, most))
        there = sa.select(TURNS).where(TURNS.c.mode == mode, TURNS.c.since <= at, TURNS.c.until > at)
        turns = {(row["id"], row["watch"]): row for row in self._all(there.where(TURNS.c.state != _CLOSED))}
        ids = bulk.among(self._reading, INCIDENTS.c.id, {id for id, _ in turns})
        rows = self._all(_reached(_now("all").where(ids), mode, viewer, before, most))
        return [_stood(row, turns.get((row["id"], row["watch"]))) for row in rows]

    def record(self, reading: Reading, items: Sequence[tuple[str, str]]) -> None:
        """Note who read which items, given as incident and item; it is kept when this returns."""
        reads.append(self._engine, reading, items)

    def reason_given(
        self, mode: str, person: str, incident: str, since: datetime, codes: Sequence[str]
    ) -> str | None:
        """The newest of these reasons that the person gave for reading the incident since then."""
        return reads.reason_given(self._engine, mode, person, incident, since, codes)

    def _all(self, query: sa.Select[tuple[object, ...]]) -> Sequence[RowMapping]:
        with self._reading.connect() as connection:
            return connection.execute(query).mappings().all()


def _bare() -> sa.Select[Any]:
    """Facts without their content, in any order: for an order SQLite would read all facts of the mode."""
    columns = (FACTS.c.sequence, FACTS.c.subject, FACTS.c.raw)
    nothing = (sa.null().label("sealed"), sa.false().label("erased"))
    return sa.select(*columns, *nothing)


def _now(state: str) -> sa.Select[Any]:
    """Heads that are in a state, with their content."""
    query = sa.select(*_HEAD).select_from(INCIDENTS.outerjoin(CONTENT, _WORDS))
    return query.where(*_are(INCIDENTS.c.state, state))


def _then(state: str, at: int) -> sa.Select[Any]:
    """Heads that were in a state at a moment, with how they stood."""
    of = (TURNS.c.mode == INCIDENTS.c.mode, TURNS.c.id == INCIDENTS.c.id, TURNS.c.watch == INCIDENTS.c.watch)
    turn = sa.and_(*of, TURNS.c.since <= at, TURNS.c.until > at)
    then = (TURNS.c[name].label(f"then_{name}") for name in STOOD)
    joined = TURNS.join(INCIDENTS, turn).outerjoin(CONTENT, _WORDS)
    return sa.select(*_HEAD, *then).select_from(joined).where(*_are(TURNS.c.state, state))


def _stood(row: RowMapping, turn: RowMapping | None) -> dict[Any, Any]:
    return {**row, **{f"then_{name}": turn and turn[name] for name in STOOD}}


def _reached(query: sa.Select[Any], mode: str, viewer: str, before: int, most: int) -> sa.Select[Any]:
    """A page of the heads that a watch may perhaps see."""
    house = sa.and_(
        INCIDENTS.c.watch.startswith(f"{viewer.partition('.')[0]}.", autoescape=True),
        INCIDENTS.c.level == Level.ORGANISATION.value,
    )
    reached = sa.or_(INCIDENTS.c.watch == viewer, INCIDENTS.c.level.in_(_WIDE), house)
    reached = sa.or_(reached, INCIDENTS.c.broken != "[]")
    query = query.where(INCIDENTS.c.mode == mode, INCIDENTS.c.sequence < before, reached)
    return query.order_by(INCIDENTS.c.sequence.desc()).limit(most)


def _are(stood: sa.ColumnElement[str], state: str) -> list[sa.ColumnElement[bool]]:
    return [] if state == "all" else [stood == _CLOSED if state == "closed" else stood != _CLOSED]
