"""What the search looks up: words that hold a part, items that match, and the heads that they belong to."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from schemas.sharing import Reach
from services.incidents import bulk
from services.incidents.items import reach_of
from services.incidents.kin import reach_of as head_reach
from services.incidents.looked import Looked
from services.incidents.tables import CONTENT, FACTS, INCIDENTS, ITEMS, WORDS
from services.incidents.term_index import term_index
from services.incidents.terms import (
    ALL,
    SUBSTRING_LEAST,
    Wanted,
    circles_of,
    key,
)
from services.incidents.viewer import Viewer
from services.runtime.database import reading

WORDS_MOST = 5_000
"""How many words of the archive a part of a word may stand for."""
_HEAD_SHOWN = ("ref", "owner", "type", "priority", "state")


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


Joined = tuple[Found, Head | None]
"""An item, and the head of the incident that its id names, of several the first."""


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
        lists += [[key(circle, one) for circle in circles for one in told] for told in looked.marks()]
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

    def items(self, sequences: Sequence[int], looked: Looked) -> list[Joined]:
        """Those of these items of which the rest holds too, the newest first, each with its incident's head.

        What is asked of an incident is asked of the head in the item's own log.
        """
        query = sa.select(ITEMS).where(ITEMS.c.mode == self._mode, self._among(ITEMS.c.sequence, sequences))
        rows = self._all(query.where(*_conditions(looked)).order_by(ITEMS.c.sequence.desc()))
        heads = self._heads({row["about"] for row in rows})
        fitting = (row for row in rows if looked.fits(heads[row["about"]].get(row["owner"])))
        return [(_found(row), _first(heads[row["about"]])) for row in fitting]

    def _heads(self, ids: Collection[str]) -> dict[str, dict[str, RowMapping]]:
        """The heads under each id by watch, the first that was opened first."""
        found: dict[str, dict[str, RowMapping]] = {id: {} for id in ids}
        query = sa.select(INCIDENTS).where(INCIDENTS.c.mode == self._mode, self._among(INCIDENTS.c.id, ids))
        for row in self._all(query.order_by(INCIDENTS.c.sequence)):
            found[row["id"]][row["watch"]] = row
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
        return self._all(query.where(FACTS.c.mode == self._mode, self._among(FACTS.c.sequence, sequences)))

    def _among(self, column: sa.Column[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
        return bulk.among(self._connection, column, values)

    def _all(self, query: sa.Select[Any]) -> Sequence[RowMapping]:
        return self._connection.execute(query).mappings().all()


def _found(row: RowMapping) -> Found:
    return Found(
        *(row["sequence"], row["about"], reach_of(row)),
        *(bool(row["tagged"]), row["kind"], row["corrected_by"]),
    )


def _first(heads: dict[str, RowMapping]) -> Head | None:
    for row in heads.values():
        shown = {name: row["watch" if name == "owner" else name] for name in _HEAD_SHOWN}
        return Head(row["watch"], row["fact"], head_reach(row), row["tags"] != "[]", row["closed_at"], shown)
    return None


def _conditions(looked: Looked) -> list[sa.ColumnElement[bool]]:
    """What of an item must hold besides."""
    found: list[sa.ColumnElement[bool]] = []
    if looked.since is not None:
        found.append(ITEMS.c.occurred >= looked.since)
    if looked.until is not None:
        found.append(ITEMS.c.occurred < looked.until)
    if looked.box is not None:
        south, west, north, east = looked.box
        found += [ITEMS.c.latitude.between(south, north), ITEMS.c.longitude.between(west, east)]
    return found
