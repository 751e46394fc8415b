"""The log of reads: who read which restricted item of the incident log, when and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from services.incidents.tables import FACTS, READ_ENDS, READS
from services.runtime.reads import Checked, ReadLog

FIELDS = ("mode", "read_at", "watch", "person", "machine", "via", "what", "incident", "item", "reason")


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


def log_of(engine: Engine) -> ReadLog:
    """The log in the archive's tables."""
    return ReadLog(engine, READS, READ_ENDS, FIELDS)


def append(engine: Engine, reading: Reading, items: Sequence[tuple[str, str]]) -> None:
    """Note who read which items, given as incident and item; it is kept when this returns."""
    who = {name: getattr(reading, name) for name in reading.__slots__}
    log_of(engine).append([{**who, "incident": incident, "item": item} for incident, item in items])


def lines(engine: Engine, wanted: Wanted, most: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest lines that are wanted, and whether there are more. Each with the watch of its item."""
    both = sa.and_(FACTS.c.mode == READS.c.mode, FACTS.c.id == READS.c.item)
    query = sa.select(*READS.c, FACTS.c.watch.label("owner")).select_from(READS.outerjoin(FACTS, both))
    query = query.where(*_conditions(wanted))
    return log_of(engine).newest(query, wanted.since, wanted.until, most)


def reason_given(
    engine: Engine, mode: str, person: str, incident: str, since: datetime, codes: Sequence[str]
) -> str | None:
    """The newest of these reasons that the person gave for reading the incident since then."""
    where = (READS.c.mode == mode, READS.c.incident == incident, READS.c.person == person)
    return log_of(engine).reason_given(since, codes, *where)


def check(engine: Engine) -> Checked:
    """Hold the log against its own chain, from its first line to its end."""
    return log_of(engine).check()


def forget_before(engine: Engine, moment: datetime) -> int:
    """Delete the lines older than ``moment`` (their term is over); how many. The rest stays bound."""
    return log_of(engine).forget_before(moment)


def known_since(engine: Engine, now: datetime) -> str | None:
    """From when on the log knows who read what; None while nothing of it has passed its term."""
    return log_of(engine).known_since(now)


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    yield READS.c.mode == wanted.mode
    yield sa.or_(READS.c.watch.in_(wanted.watches), FACTS.c.watch.in_(wanted.watches))
    yield READS.c.watch.not_in(wanted.hidden)
    yield sa.or_(FACTS.c.watch.is_(None), FACTS.c.watch.not_in(wanted.hidden))
    for name in ("incident", "item", "person"):
        if getattr(wanted, name) is not None:
            yield READS.c[name] == getattr(wanted, name)
