"""How incidents stood from one moment to another, so that any past moment's list can be shown."""

import json
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from schemas import incidents, notifications, relations
from schemas.vocabulary import IncidentState
from services.incidents import bulk
from services.incidents.items import milliseconds
from services.incidents.projection import Taken, wider
from services.incidents.tables import INCIDENTS, TURNS

LASTING = (1 << 62) - 1
"""The end of what still stands."""
_HEAD = incidents.HEAD
_TOLD = (notifications.TRADE, notifications.Acknowledged.name)

Key = tuple[str, str]
"""Birthplace watch and incident."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How an incident stood since a fact, in milliseconds since 1970."""

    sequence: int
    since: int
    state: str
    level: str
    named: str


def take_in(connection: Connection, mode: str, batch: list[Taken]) -> None:
    """Add the turns of a batch, whose heads lie in the archive already."""
    touched = [taken for taken in batch if _may_turn(taken)]
    if not touched:
        return
    new = {_key(taken) for taken in touched if _is_opening(taken)}
    stood = _standing(connection, mode, {_key(taken) for taken in touched} - new)
    heads = _heads(connection, mode, touched)
    current = dict(stood)
    ended: list[tuple[Key, Turn, int]] = []
    for taken in touched:
        key = _key(taken)
        before = current.get(key)
        after = _opened(taken) if _is_opening(taken) else before and _turned(taken, before, heads.get(key))
        if after is None or after == before:
            continue
        if before is not None:
            after = replace(after, since=max(after.since, before.since))
            ended.append((key, before, after.since))
        current[key] = after
    _write(connection, mode, stood, current, ended)


def _may_turn(taken: Taken) -> bool:
    place = taken.place
    if taken.id is None or place is None:
        return False
    if taken.body is None:
        return (place.trade, place.fact) == _TOLD
    return place.fact in (
        incidents.Opened.name,
        incidents.StateChanged.name,
        incidents.SharedWider.name,
        relations.Merged.name,
        relations.Unmerged.name,
    )


def _key(taken: Taken) -> Key:
    assert taken.place is not None  # noqa: S101  only facts with a place may turn
    return taken.place.key, taken.place.id


def _is_opening(taken: Taken) -> bool:
    return taken.body is not None and taken.place is not None and taken.place.fact == incidents.Opened.name


def _opened(taken: Taken) -> Turn:
    body: dict[str, Any] = taken.body or {}
    state = IncidentState.NEW.value
    named = json.dumps(sorted(body.get("named") or []))
    return Turn(taken.sequence, milliseconds(taken.time), state, body["level"], named)


def _turned(taken: Taken, before: Turn, head: str | None) -> Turn:
    """What a fact made of an incident; the same turn if it changed nothing that is shown."""
    body = taken.body
    if body is None:
        if before.state != IncidentState.NEW:
            return before
        after = replace(before, state=IncidentState.ACKNOWLEDGED.value)
    elif taken.place is not None and taken.place.fact == relations.Merged.name:
        after = replace(before, state=IncidentState.CLOSED.value)
    elif "state" in body:
        after = replace(before, state=body["state"])
    elif body["entry"] in (_HEAD, head):
        shared = incidents.SharedWider.model_validate(body)
        level, named = wider(before.level, before.named, shared)
        after = replace(before, level=level, named=named)
    else:
        return before
    if after == before:
        return before
    return replace(after, sequence=taken.sequence, since=milliseconds(taken.time))


def _heads(connection: Connection, mode: str, touched: list[Taken]) -> dict[Key, str]:
    """The opened facts of incidents in which an item was raised that is named by its own id."""
    ids = {
        _key(taken)[1]
        for taken in touched
        if taken.body is not None and taken.body.get("entry", _HEAD) != _HEAD
    }
    if not ids:
        return {}
    columns = (INCIDENTS.c.watch, INCIDENTS.c.id, INCIDENTS.c.fact)
    query = sa.select(*columns).where(INCIDENTS.c.mode == mode, INCIDENTS.c.id.in_(ids))
    return {(row.watch, row.id): row.fact for row in connection.execute(query)}


def _standing(connection: Connection, mode: str, keys: set[Key]) -> dict[Key, Turn]:
    if not keys:
        return {}
    where = (TURNS.c.mode == mode, TURNS.c.until == LASTING, TURNS.c.id.in_({id for _, id in keys}))
    rows = connection.execute(sa.select(TURNS).where(*where))
    found = {
        (row.watch, row.id): Turn(row.sequence, row.since, row.state, row.level, row.named) for row in rows
    }
    return {key: turn for key, turn in found.items() if key in keys}


def _write(
    connection: Connection,
    mode: str,
    stood: dict[Key, Turn],
    current: dict[Key, Turn],
    ended: list[tuple[Key, Turn, int]],
) -> None:
    """Turns of the batch are added with their ends; one that stood before is ended."""
    rows, former = [], []
    for of, turn, until in ended:
        if stood.get(of) == turn:
            former.append({"of_watch": of[0], "of_id": of[1], "of": turn.sequence, "end": until})
        else:
            rows.append(_row(mode, of, turn, until))
    rows += [_row(mode, key, turn, LASTING) for key, turn in current.items() if stood.get(key) != turn]
    if former:
        key = sa.and_(TURNS.c.watch == sa.bindparam("of_watch"), TURNS.c.id == sa.bindparam("of_id"))
        where = (TURNS.c.mode == mode, key, TURNS.c.sequence == sa.bindparam("of"))
        connection.execute(sa.update(TURNS).where(*where).values(until=sa.bindparam("end")), former)
    bulk.insert(connection, TURNS, rows)


def _row(mode: str, key: Key, turn: Turn, until: int) -> tuple[Any, ...]:
    return (mode, key[1], key[0], turn.sequence, turn.since, until, turn.state, turn.level, turn.named)
