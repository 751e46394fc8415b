"""The log of reads of reports: which restricted version was read, and which restricted entries in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from schemas.sharing import Reach, is_restricted
from schemas.vocabulary import Level, ReadGround, ReadReason, Tag
from services.reports.tables import READ_ENDS, READS
from services.runtime.reads import ReadLog

FIELDS = (
    *("mode", "read_at", "watch", "person", "machine", "via", "what"),
    *("owner", "report", "version", "incident", "item", "reason"),
)
CODES = tuple(reason.value for reason in ReadReason)


@dataclass(frozen=True, slots=True)
class Item:
    """What is told of a report: the version itself or an entry that it refers to, by the id of its fact."""

    item: str
    reach: Reach
    tags: tuple[Tag, ...]
    incident: str = ""


def restricted(items: Sequence[Item], viewer: str) -> list[Item]:
    """Those of which the reading by the watch ``viewer`` is recorded."""
    return [one for one in items if is_restricted(one.reach, bool(one.tags), viewer)]


def ground(items: Sequence[Item], viewer: str, *, is_told: bool) -> ReadGround | None:
    """Why these restricted items are read without being asked; None if a reason must be given.

    A reason is asked of whom it was not written for, and only for what is another watch's and tagged.
    """
    others = [one for one in items if viewer not in (one.reach.owner, one.reach.author)]
    if not others:
        return ReadGround.OWN
    if is_told:
        return ReadGround.TOLD
    return None if any(one.tags for one in others) else ReadGround.SHARED


def is_receiver(reach: Reach, viewer: str) -> bool:
    """True if a version names the watch ``viewer``, or its house, as one who is to have it."""
    return reach.level >= Level.NAMED and (viewer in reach.named or viewer.partition(".")[0] in reach.named)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are wanted: none but those of ``watches``, or of what is theirs, and none of ``hidden``."""

    mode: str
    watches: Sequence[str]
    hidden: Sequence[str]
    report: str | None = None
    incident: str | None = None
    item: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def log_of(engine: Engine) -> ReadLog:
    """The log in the room's tables."""
    return ReadLog(engine, READS, READ_ENDS, FIELDS)


def lines(engine: Engine, wanted: Wanted, most: int) -> tuple[list[dict[str, Any]], bool]:
    """The newest lines that are wanted, and whether there are more."""
    query = sa.select(READS).where(*_conditions(wanted))
    return log_of(engine).newest(query, wanted.since, wanted.until, most)


def reason_given(engine: Engine, mode: str, person: str, report: str, since: datetime) -> str | None:
    """The newest reason that the person gave for reading the report since then."""
    where = (READS.c.mode == mode, READS.c.report == report, READS.c.person == person)
    return log_of(engine).reason_given(since, CODES, *where)


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    yield READS.c.mode == wanted.mode
    yield sa.or_(READS.c.watch.in_(wanted.watches), READS.c.owner.in_(wanted.watches))
    yield READS.c.watch.not_in(wanted.hidden)
    yield READS.c.owner.not_in(wanted.hidden)
    if wanted.before is not None:
        yield READS.c.position < wanted.before
    for name in ("report", "incident", "item", "person"):
        if getattr(wanted, name) is not None:
            yield READS.c[name] == getattr(wanted, name)
