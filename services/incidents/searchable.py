"""Keeping the search's rows in step with the archive, in the transaction of its own rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from schemas import incidents, relations
from schemas.canonical import unseal
from schemas.sharing import Reach
from schemas.subjects import Place
from services.incidents import bulk
from services.incidents.items import HEAD, OUTCOME, Known, items_of, needs, reach_of, row_of
from services.incidents.kin import reach_of as head_reach
from services.incidents.projection import Taken, read, wider
from services.incidents.tables import CONTENT, FACTS, INCIDENTS, ITEMS, WORDS
from services.incidents.term_index import term_index
from services.incidents.terms import Item, circles, is_listed, key, keys, numbers, position_of, words_of
from services.incidents.vocabulary import Vocabulary, Word

_MANY = 500
_CHANGING = frozenset(body.name for body in (incidents.SharedWider, relations.GlassBroken))
"""Facts after which others find an item that is there already."""


class Searchable:
    """Writes what the search reads of one mode."""

    def __init__(self, engine: Engine) -> None:
        self._index = term_index(engine)
        self._vocabulary = Vocabulary()
        self.begun, self.committed = self._vocabulary.begin, self._vocabulary.kept

    def take_in(
        self, connection: Connection, mode: str, batch: list[Taken], contents: Mapping[str, bytes]
    ) -> None:
        """Add the items of a batch; heads of incidents lie in the tables already."""
        heads, corrected = needs(batch)
        known = Known(*_heads(connection, mode, heads), _authors(connection, mode, corrected))
        items = items_of(batch, contents, known)
        bulk.insert(connection, ITEMS, [row_of(mode, item) for item in items])
        self._post(connection, mode, items)
        if corrected:
            _mark_corrected(connection, mode, batch)
        for taken in batch:
            place = taken.place
            if (
                place is not None
                and place.fact in _CHANGING
                and taken.id is not None
                and taken.body is not None
            ):
                self._change(connection, mode, place, taken.body)

    def _change(self, connection: Connection, mode: str, place: Place, body: dict[str, Any]) -> None:
        if place.fact == incidents.SharedWider.name:
            shared = incidents.SharedWider.model_validate(body)
            self._widen(connection, mode, place.key, place.id, shared)
        else:
            broken = relations.GlassBroken.model_validate(body)
            self._break(connection, mode, place.key, place.id, broken)

    def _break(
        self, connection: Connection, mode: str, watch: str, id: str, body: relations.GlassBroken
    ) -> None:
        """The glass of an item was broken for a watch."""
        for row in _named(connection, mode, watch, id, body.entry, with_outcomes=False):
            broken = json.dumps([*json.loads(row["broken"]), (body.to, body.until.isoformat())])
            where = _at(mode, [row["sequence"]])
            connection.execute(sa.update(ITEMS).where(where).values(broken=broken))
            self._renew(connection, mode, row["sequence"], reach_of(row))

    def _widen(
        self, connection: Connection, mode: str, watch: str, id: str, shared: incidents.SharedWider
    ) -> None:
        """An item was raised, and with a head its outcomes."""
        for row in _named(connection, mode, watch, id, shared.entry, with_outcomes=True):
            level, named = wider(row["level"], row["named"], shared)
            where = _at(mode, [row["sequence"]])
            connection.execute(sa.update(ITEMS).where(where).values(level=level, named=named))
            self._renew(connection, mode, row["sequence"], reach_of(row))

    def erase(self, connection: Connection, mode: str, fact: str) -> None:
        """Take out the words of a fact, while its content is still there."""
        sequence = _sequence(connection, mode, fact)
        if sequence is None:
            return
        where = _at(mode, [sequence])
        connection.execute(sa.update(ITEMS).where(where).values(latitude=None, longitude=None))
        item = _read_again(connection, mode, sequence)
        if item is None:
            return
        gone = [(circle, word) for circle in circles(item.reach) for word in item.words if is_listed(word)]
        item.words, item.position = set(), None
        self._index.remove(connection, mode, sequence, numbers(item.reach))
        self._post(connection, mode, [item])
        self._drop_words(connection, mode, gone)

    def let_go(self, connection: Connection, mode: str, sequences: Sequence[int]) -> None:
        """Forget items altogether, while their content is still there."""
        gone: set[Word] = set()
        for sequence in sequences:
            item = _read_again(connection, mode, sequence)
            if item is not None:
                circled = circles(item.reach)
                gone |= {(circle, word) for circle in circled for word in item.words if is_listed(word)}
                self._index.remove(connection, mode, sequence, numbers(item.reach))
        for start in range(0, len(sequences), _MANY):
            connection.execute(sa.delete(ITEMS).where(_at(mode, sequences[start : start + _MANY])))
        self._drop_words(connection, mode, sorted(gone))

    def heal(self, connection: Connection, mode: str, facts: Iterable[str]) -> None:
        """Content came back: its words can be found again."""
        for fact in facts:
            sequence = _sequence(connection, mode, fact)
            if sequence is not None:
                self._renew(connection, mode, sequence)

    def clear(self, connection: Connection, mode: str) -> None:
        """Forget a mode's terms; the tables are emptied with the others."""
        self._index.clear(connection, mode)
        self._vocabulary.forget()

    def _renew(self, connection: Connection, mode: str, sequence: int, former: Reach | None = None) -> None:
        """Post an item again; ``former`` is how far it reached when it was posted, if not as far as now."""
        item = _read_again(connection, mode, sequence)
        if item is None:
            return
        north, east = item.position or (None, None)
        where = _at(mode, [sequence])
        connection.execute(sa.update(ITEMS).where(where).values(latitude=north, longitude=east))
        self._index.remove(connection, mode, sequence, numbers(former or item.reach))
        self._post(connection, mode, [item])

    def _post(self, connection: Connection, mode: str, items: Sequence[Item]) -> None:
        circle_of = self._vocabulary.circle_of
        self._index.add(connection, mode, [keys(item, circle_of) for item in items])
        _add_words(connection, mode, self._vocabulary.new())

    def _drop_words(self, connection: Connection, mode: str, gone: list[Word]) -> None:
        """Words that stand nowhere else are taken off the list."""
        for circle, word in gone:
            if not self._index.holds(connection, mode, key(circle, f"={word}")):
                where = sa.and_(WORDS.c.mode == mode, WORDS.c.circle == circle, WORDS.c.word == word)
                connection.execute(sa.delete(WORDS).where(where))
        self._vocabulary.forget()


def _add_words(connection: Connection, mode: str, fresh: list[Word]) -> None:
    """Keep words of which some may be there."""
    if not fresh:
        return
    fresh.sort()
    rows = [(mode, circle, word) for circle, word in fresh]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT OR IGNORE INTO words (mode, circle, word) VALUES (?, ?, ?)", rows)
        return
    connection.exec_driver_sql(
        "INSERT INTO words (mode, circle, word) SELECT %s, * FROM unnest(%s::text[], %s::text[])"
        " ON CONFLICT DO NOTHING",
        (mode, [circle for circle, _ in fresh], [word for _, word in fresh]),
    )


def _heads(
    connection: Connection, mode: str, ids: set[str]
) -> tuple[dict[tuple[str, str], Reach], dict[tuple[str, str], str]]:
    """Reach and type of the heads under these ids."""
    if not ids:
        return {}, {}
    columns = (INCIDENTS.c[name] for name in ("watch", "id", "type", "level", "named", "broken"))
    query = sa.select(*columns).where(INCIDENTS.c.mode == mode, bulk.among(connection, INCIDENTS.c.id, ids))
    rows = {(row["watch"], row["id"]): row for row in connection.execute(query).mappings()}
    return (
        {key: head_reach(row) for key, row in rows.items()},
        {key: row["type"] for key, row in rows.items()},
    )


def _authors(connection: Connection, mode: str, facts: set[str]) -> dict[str, str | None]:
    if not facts:
        return {}
    both = sa.and_(ITEMS.c.mode == FACTS.c.mode, ITEMS.c.sequence == FACTS.c.sequence)
    query = sa.select(FACTS.c.id, ITEMS.c.author).select_from(FACTS.join(ITEMS, both))
    query = query.where(FACTS.c.mode == mode, FACTS.c.id.in_(facts))
    return {row.id: row.author for row in connection.execute(query)}


def _mark_corrected(connection: Connection, mode: str, batch: list[Taken]) -> None:
    for taken in batch:
        place = taken.place
        is_correction = place is not None and place.fact == incidents.Corrected.name
        if taken.id is None or taken.body is None or not is_correction:
            continue
        sequence = _sequence(connection, mode, taken.body["entry"])
        if sequence is not None:
            where = _at(mode, [sequence])
            connection.execute(sa.update(ITEMS).where(where).values(corrected_by=taken.id))


def _named(
    connection: Connection, mode: str, watch: str, id: str, entry: str, *, with_outcomes: bool
) -> list[Any]:
    """The row of an item, or of the head and if wanted its outcomes."""
    of = sa.and_(INCIDENTS.c.mode == mode, INCIDENTS.c.watch == watch, INCIDENTS.c.id == id)
    head = connection.execute(sa.select(INCIDENTS.c.fact).where(of)).scalar()
    query = sa.select(ITEMS).where(ITEMS.c.mode == mode, ITEMS.c.owner == watch)
    if entry in (incidents.HEAD, head):
        about = sa.select(FACTS.c.sequence).where(FACTS.c.mode == mode, FACTS.c.about == id)
        kinds = (HEAD, OUTCOME) if with_outcomes else (HEAD,)
        query = query.where(ITEMS.c.sequence.in_(about), ITEMS.c.kind.in_(kinds))
    else:
        query = query.where(ITEMS.c.sequence == _sequence(connection, mode, entry))
    return list(connection.execute(query).mappings())


def _read_again(connection: Connection, mode: str, sequence: int) -> Item | None:
    """An item from what the archive holds of it, with the reach that it has come to."""
    both = sa.and_(ITEMS.c.mode == FACTS.c.mode, ITEMS.c.sequence == FACTS.c.sequence)
    typed = sa.and_(CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id)
    of = sa.and_(INCIDENTS.c.mode == ITEMS.c.mode, INCIDENTS.c.id == ITEMS.c.about)
    head = sa.and_(of, INCIDENTS.c.watch == ITEMS.c.owner)
    columns = (*ITEMS.c, FACTS.c.subject, FACTS.c.raw, CONTENT.c.sealed, INCIDENTS.c.type)
    joined = FACTS.join(ITEMS, both).outerjoin(CONTENT, typed).outerjoin(INCIDENTS, head)
    query = sa.select(*columns).select_from(joined)
    row = connection.execute(query.where(_at(mode, [sequence]))).mappings().first()
    if row is None:
        return None
    taken = read(sequence, row["subject"], bytes(row["raw"]))
    content = None if row["sealed"] is None else unseal(bytes(row["sealed"]))
    return Item(
        sequence,
        taken.id or "",
        row["about"],
        reach_of(row),
        row["tagged"],
        row["kind"],
        row["occurred"],
        taken.actor.get("person"),
        str(taken.actor.get("organisation")),
        words_of(content),
        position_of(content),
        row["type"] or "",
    )


def _sequence(connection: Connection, mode: str, fact: str) -> int | None:
    query = sa.select(FACTS.c.sequence).where(FACTS.c.mode == mode, FACTS.c.id == fact)
    return connection.execute(query).scalar()


def _at(mode: str, sequences: Sequence[int]) -> sa.ColumnElement[bool]:
    return sa.and_(ITEMS.c.mode == mode, ITEMS.c.sequence.in_(sequences))
