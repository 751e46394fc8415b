"""What the search looks up: words that hold a part, items that match, and the heads that they belong to."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from schemas.sharing import Reach
from services.incidents.items import reach_of
from services.incidents.kin import reach_of as head_reach
from services.incidents.tables import CONTENT, FACTS, INCIDENTS, ITEMS, WORDS
from services.incidents.term_index import term_index
from services.incidents.terms import (
    ALL,
    SUBSTRING_LEAST,
    Wanted,
    box_marks,
    circles_of,
    key,
    period_marks,
    words_of,
)
from services.incidents.viewer import Viewer
from services.runtime.database import reading

WORDS_MOST = 5_000
"""How many words of the archive a part of a word may stand for."""
_HEAD_SHOWN = ("ref", "owner", "type", "priority", "state")


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked for; times are milliseconds since 1970."""

    words: tuple[str, ...] = ()
    organisation: str | None = None
    watch: str | None = None
    type: str | None = None
    states: tuple[str, ...] = ()
    priority: str | None = None
    since: int | None = None
    until: int | None = None
    person: str | None = None
    municipality: str | None = None
    box: tuple[float, float, float, float] | None = None

    @property
    def of_head(self) -> bool:
        """True if something is asked of the incident as it is now."""
        return bool(self.states or self.type or self.priority or self.municipality)

    @property
    def of_owner(self) -> bool:
        """True if it is asked whose log it is."""
        return bool(self.organisation or self.watch)

    def is_in(self, content: dict[str, Any] | None) -> bool:
        """True if a content holds every word, whole or inside a longer one."""
        there = words_of(content) if self.words else set()
        return all(
            word in there or (len(word) >= SUBSTRING_LEAST and any(word in one for one in there))
            for word in self.words
        )


@dataclass(frozen=True, slots=True)
class Found:
    """An item that matches, with what decides who may see it."""

    sequence: int
    about: str
    reach: Reach
    tagged: bool
    kind: str
    corrected_by: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The incident that an item belongs to; ``fact`` opened it."""

    owner: str
    fact: str
    reach: Reach
    tagged: bool
    closed_at: str | None
    shown: dict[str, Any]


class Finder:
    """Opens one search after another."""

    def __init__(self, engine: Engine) -> None:
        self._reading = reading(engine)

    @contextmanager
    def search(self, mode: str) -> "Iterator[Finding]":
        """The reads of one search in a mode."""
        with self._reading.connect() as connection:
            yield Finding(connection, mode)


class Finding:
    """Reads of one search, each a snapshot of its own."""

    def __init__(self, connection: Connection, mode: str) -> None:
        self._connection = connection
        self._mode = mode
        self._index = term_index(connection)

    def wanted(self, looked: Looked, viewer: Viewer) -> Wanted | None:
        """Which terms an item must have, in circles of the viewer; None if a word means too many."""
        circles = circles_of(viewer.watch, viewer.directory, viewer.now)
        spelt = self._spellings(circles, looked.words)
        if any(len(found) > WORDS_MOST for found in spelt.values()):
            return None
        lists = [
            [key(circle, f"={one}") for circle, one in (*((circle, word) for circle in circles), *found)]
            for word, found in spelt.items()
        ]
        lists += [[key(circle, one) for circle in circles for one in told] for told in _marks(looked)]
        return Wanted([key(circle, ALL) for circle in circles], lists)

    def _spellings(self, circles: Sequence[str], sought: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """Circle and word of each other word in which a word stands; a short one stands for itself only."""
        found: dict[str, list[tuple[str, str]]] = {word: [] for word in sought}
        parts = [word for word in sought if len(word) >= SUBSTRING_LEAST]
        if not parts:
            return found
        inside = sa.func.instr if self._connection.dialect.name == "sqlite" else sa.func.strpos
        query = sa.select(WORDS.c.circle, WORDS.c.word).where(
            WORDS.c.mode == self._mode,
            WORDS.c.circle.in_(circles),
            sa.or_(*(inside(WORDS.c.word, part) > 0 for part in parts)),
        )
        for circle, word in self._connection.execute(query.limit(len(parts) * WORDS_MOST + 1)):
            for part in parts:
                if part in word and part != word:
                    found[part].append((circle, word))
        return found

    def places(self, wanted: Wanted, before: int) -> Iterator[int]:
        """The sequences of items before a sequence that have the terms, the newest first."""
        return self._index.find(self._connection, self._mode, wanted, before)

    def items(self, sequences: Sequence[int], looked: Looked) -> list[Found]:
        """Those of these items of which the rest holds too, the newest first."""
        query = sa.select(ITEMS).where(ITEMS.c.mode == self._mode, ITEMS.c.sequence.in_(sequences))
        if looked.of_head:
            of = sa.and_(INCIDENTS.c.id == ITEMS.c.about, INCIDENTS.c.watch == ITEMS.c.owner)
            query = query.join(INCIDENTS, sa.and_(INCIDENTS.c.mode == ITEMS.c.mode, of))
        query = query.where(*_conditions(looked)).order_by(ITEMS.c.sequence.desc())
        return [
            Found(
                *(row["sequence"], row["about"], reach_of(row)),
                *(bool(row["tagged"]), row["kind"], row["corrected_by"]),
            )
            for row in self._all(query)
        ]

    def heads(self, ids: Iterable[str]) -> dict[str, Head]:
        """The heads of incidents; of several under one id the first."""
        query = sa.select(INCIDENTS).where(INCIDENTS.c.mode == self._mode, INCIDENTS.c.id.in_(list(ids)))
        found: dict[str, Head] = {}
        for row in self._all(query.order_by(INCIDENTS.c.sequence)):
            shown = {name: row["watch" if name == "owner" else name] for name in _HEAD_SHOWN}
            head = Head(
                row["watch"], row["fact"], head_reach(row), row["tags"] != "[]", row["closed_at"], shown
            )
            found.setdefault(row["id"], head)
        return found

    def place(self, fact: str) -> RowMapping | None:
        """The item that a fact is."""
        both = sa.and_(ITEMS.c.mode == FACTS.c.mode, ITEMS.c.sequence == FACTS.c.sequence)
        query = sa.select(ITEMS).select_from(FACTS.join(ITEMS, both))
        found = self._all(query.where(FACTS.c.mode == self._mode, FACTS.c.id == fact))
        return found[0] if found else None

    def fact(self, sequence: int) -> str:
        """The fact that an item is."""
        query = sa.select(FACTS.c.id).where(FACTS.c.mode == self._mode, FACTS.c.sequence == sequence)
        return str(self._all(query)[0]["id"])

    def texts(self, sequences: Sequence[int]) -> Sequence[RowMapping]:
        """Facts with their content."""
        both = sa.and_(CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id)
        columns = (FACTS.c.sequence, FACTS.c.subject, FACTS.c.raw, CONTENT.c.sealed, CONTENT.c.erased)
        query = sa.select(*columns).select_from(FACTS.outerjoin(CONTENT, both))
        return self._all(query.where(FACTS.c.mode == self._mode, FACTS.c.sequence.in_(sequences)))

    def _all(self, query: sa.Select[Any]) -> Sequence[RowMapping]:
        return self._connection.execute(query).mappings().all()


def _marks(looked: Looked) -> list[list[str]]:
    """What an item must be marked with, one of each list."""
    found = []
    if looked.organisation is not None:
        found.append([f"o:{looked.organisation}"])
    if looked.watch is not None:
        found.append([f"w:{looked.watch}"])
    if looked.person is not None:
        found.append([f"@{looked.person}"])
    period = (
        period_marks(looked.since, looked.until)
        if looked.since is not None and looked.until is not None
        else None
    )
    if period is not None:
        found.append(period)
    cells = box_marks(*looked.box) if looked.box is not None else None
    if cells:
        found.append(cells)
    return found


def _conditions(looked: Looked) -> list[sa.ColumnElement[bool]]:
    """What of an item and of its incident as it is now must hold besides."""
    found: list[sa.ColumnElement[bool]] = []
    if looked.since is not None:
        found.append(ITEMS.c.occurred >= looked.since)
    if looked.until is not None:
        found.append(ITEMS.c.occurred < looked.until)
    if looked.box is not None:
        south, west, north, east = looked.box
        found += [ITEMS.c.latitude.between(south, north), ITEMS.c.longitude.between(west, east)]
    if looked.states:
        found.append(INCIDENTS.c.state.in_(looked.states))
    if looked.type is not None:
        found.append(INCIDENTS.c.type == looked.type)
    if looked.priority is not None:
        found.append(INCIDENTS.c.priority == looked.priority)
    if looked.municipality is not None:
        found.append(INCIDENTS.c.municipalities.contains(f'"{looked.municipality}"', autoescape=True))
    return found
