"""From messages of the ledger to rows of the archive. Pure: what stood before is given as arguments.

A fact is read as JSON, not as a model: a rebuild reads millions, and the door has checked each of them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from schemas import (
    attachments,
    directory,
    incidents,
    notifications,
    related,
    relations,
    reports,
    running,
    watch,
)
from schemas.canonical import unseal
from schemas.identifiers import TOKEN
from schemas.subjects import Place, parse_place
from schemas.vocabulary import ContentClass, IncidentState, Level
from services.incidents.chain import Link, beginning, extend, fact_hash
from services.incidents.tree import TILE_LEVEL, Edge, leaf_hash

_TURN_OF_YEAR = ("12-31", "01-01")
UNREADABLE, DUPLICATE = "UNREADABLE", "DUPLICATE_ID"
STANDING_TRADES = directory.TRADES
_MANNING = tuple((body.trade, body.name) for body in (watch.Manned, watch.Released))
_FOLDED = frozenset((*directory.FACTS, directory.REGISTER, *_MANNING))
_NEW = IncidentState.NEW.value
_RELATED: Final = {body.name: body for body in relations.FACTS}
_ACKNOWLEDGED = (notifications.TRADE, notifications.Acknowledged.name)

ChainKey = tuple[str, str]
"""Birthplace watch and controller."""
Row = tuple[Any, ...]


@dataclass(slots=True)
class Taken:
    """A message as far as the archive reads it; ``reason`` says why it is no fact.

    ``body`` is kept of facts of the incident log only; ``erases`` are the facts whose content goes with it.
    """

    sequence: int
    subject: str
    raw: bytes
    digest: bytes
    place: Place | None
    watch: str
    controller: str
    id: str | None = None
    time: str = ""
    occurred_at: str = ""
    commitment: bytes | None = None
    sort: str = ""
    body: dict[str, Any] | None = None
    actor: dict[str, Any] = field(default_factory=dict)
    erases: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(slots=True)
class Ends:
    """What the rows build on: the ends of chains, the last running numbers by watch and year, trees."""

    chains: dict[ChainKey, Link]
    numbers: dict[tuple[str, int], int]
    trees: dict[str, Edge]


@dataclass(slots=True)
class Rows:
    """What one batch adds. All from ``states`` to ``erased`` change rows that may be of the same batch."""

    facts: list[Row] = field(default_factory=list)
    contents: list[Row] = field(default_factory=list)
    heads: list[Row] = field(default_factory=list)
    standing: list[Row] = field(default_factory=list)
    parked: list[Row] = field(default_factory=list)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    closed: dict[tuple[str, str], str | None] = field(default_factory=dict)
    acknowledged: dict[tuple[str, str], str] = field(default_factory=dict)
    shared: list[tuple[str, str, incidents.SharedWider]] = field(default_factory=list)
    erased: list[tuple[str, str, int, str]] = field(default_factory=list)
    nodes: list[Row] = field(default_factory=list)
    responsible: dict[tuple[str, str], str] = field(default_factory=dict)
    municipalities: dict[tuple[str, str], str] = field(default_factory=dict)
    broken: list[tuple[str, str, relations.GlassBroken]] = field(default_factory=list)
    references: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    chains: set[ChainKey] = field(default_factory=set)
    trees: set[str] = field(default_factory=set)
    numbers: set[tuple[str, int]] = field(default_factory=set)


def is_standing(place: Place) -> bool:
    """True if facts of that place say who is who, who may share with whom, or what types there are."""
    return place.trade in STANDING_TRADES or (place.trade, place.fact) == directory.REGISTER


def is_folded(subject: str) -> bool:
    """True if a fact under that subject leaves something in a fold. Many that stand, such as each sign-in,
    leave nothing."""
    place = parse_place(subject)
    return place is not None and ((place.trade, place.fact) in _FOLDED or is_tie(place))


def is_tie(place: Place) -> bool:
    """True if facts of that place tie two incidents."""
    return place.trade == incidents.TRADE and place.fact in related.NAMES


def read(sequence: int, subject: str, raw: bytes) -> Taken:
    """What a message says of itself. Never raises: what is no fact is kept too, under its subject's watch."""
    place = parse_place(subject)
    key = place.key if place else ""
    taken = Taken(sequence, subject, raw, fact_hash(raw), place, key, place.org if place else "")
    try:
        fact = orjson.loads(raw)
        if place is None or not TOKEN.fullmatch(fact["id"]) or b"\\u0000" in raw:
            raise ValueError(UNREADABLE)
        _take_fields(taken, place, fact)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        taken.id, taken.body, taken.commitment, taken.reason = None, None, None, UNREADABLE
        taken.erases = ()
    return taken


def _take_fields(taken: Taken, place: Place, fact: dict[str, Any]) -> None:
    """Raises ValueError, KeyError or TypeError for a fact whose effect could not be taken later."""
    data = fact["data"]
    body, commitment, controller = data["body"], data.get("commitment"), data["controller"]
    taken.time, taken.occurred_at = fact["time"], data["occurred_at"]
    if not (isinstance(body, dict) and isinstance(data["actor"], dict) and isinstance(controller, str)):
        raise TypeError(UNREADABLE)
    year_of(taken.time)
    if any(datetime.fromisoformat(time).tzinfo is None for time in (taken.time, taken.occurred_at)):
        raise ValueError(UNREADABLE)
    if commitment is not None:
        taken.commitment, taken.sort = bytes.fromhex(commitment), ContentClass(data["content_class"]).value
    if place.trade == incidents.TRADE:
        _check_body(place.fact, body)
        taken.body, taken.actor = body, data["actor"]
    taken.erases = _erased_by(place, body)
    taken.id, taken.controller = fact["id"], controller


def _erased_by(place: Place, body: dict[str, Any]) -> tuple[str, ...]:
    """The facts whose content is gone with a fact of that place. Raises ValueError, KeyError, TypeError."""
    found: Any = []
    if (place.trade, place.fact) == (incidents.TRADE, incidents.Erased.name):
        found = [body["fact"]]
    elif (place.trade, place.fact) == (reports.TRADE, reports.ReportErased.name):
        found = body["facts"]
    if not (isinstance(found, list) and all(TOKEN.fullmatch(one) for one in found)):
        raise ValueError(UNREADABLE)
    return tuple(found)


def compose(
    mode: str,
    epoch: int,
    batch: Iterable[Taken],
    contents: Mapping[str, bytes],
    ends: Ends,
    erased: Mapping[str, str],
) -> Rows:
    """The rows of a batch; ``ends`` is moved on. ``contents`` are sealed bytes by fact id.

    ``erased`` says by fact id when content was erased of which the ledger may not tell, after a restore.
    """
    rows = Rows()
    for taken in batch:
        rows.facts.append(_fact_row(mode, epoch, taken, ends, rows))
        if taken.reason is not None:
            rows.parked.append((mode, taken.sequence, taken.reason))
        if taken.id is None or taken.place is None:
            continue
        if taken.commitment is not None:
            rows.contents.append(_content_row(mode, taken, contents.get(taken.id)))
            if taken.id in erased:
                rows.erased.append((taken.id, taken.watch, taken.sequence, erased[taken.id]))
            if taken.place.fact == relations.Referenced.name and taken.body is not None:
                rows.references.append(_reference_row(mode, taken, taken.place, contents.get(taken.id)))
        _take_effect(mode, taken, taken.place, ends, rows)
        rows.erased += [(fact, taken.watch, taken.sequence, taken.time) for fact in taken.erases]
    return rows


def _fact_row(mode: str, epoch: int, taken: Taken, ends: Ends, rows: Rows) -> Row:
    key = (taken.watch, taken.controller)
    end = ends.chains.get(key) or beginning(mode, *key)
    ends.chains[key] = link = extend(end, taken.digest)
    rows.chains.add(key)
    _grow(mode, taken, ends, rows)
    about = taken.place.id if taken.place else None
    place = (mode, taken.sequence, epoch, taken.id, about, taken.subject, taken.raw, taken.digest)
    return (*place, *key, link.position, link.hash)


def _grow(mode: str, taken: Taken, ends: Ends, rows: Rows) -> None:
    """Put the fact on its watch's tree."""
    edge = ends.trees.setdefault(taken.watch, Edge())
    made = edge.grow(leaf_hash(taken.raw), TILE_LEVEL)
    rows.nodes += [(mode, taken.watch, *node, taken.sequence) for node in made]
    rows.trees.add(taken.watch)


def _content_row(mode: str, taken: Taken, sealed: bytes | None) -> Row:
    flags = (False, False, sealed is None)
    return (mode, taken.id, taken.watch, taken.sort, *flags, taken.sequence, taken.commitment, sealed)


def _take_effect(mode: str, taken: Taken, place: Place, ends: Ends, rows: Rows) -> None:
    if is_standing(place):
        rows.standing.append((mode, taken.sequence))
    elif taken.body is not None:
        _take_incident(mode, taken, place, taken.body, ends, rows)
    elif (place.trade, place.fact) == _ACKNOWLEDGED:
        rows.acknowledged.setdefault((place.key, place.id), taken.time)


def _take_incident(
    mode: str, taken: Taken, place: Place, body: dict[str, Any], ends: Ends, rows: Rows
) -> None:
    if place.fact == incidents.Opened.name:
        rows.heads.append(_head_row(mode, taken, place, body, ends, rows))
    elif place.fact == incidents.StateChanged.name:
        rows.states[place.key, place.id] = body["state"]
        is_closed = body["state"] == IncidentState.CLOSED.value
        rows.closed[place.key, place.id] = taken.time if is_closed else None
    elif place.fact == incidents.SharedWider.name:
        rows.shared.append((place.key, place.id, incidents.SharedWider.model_validate(body)))
    elif place.fact in _RELATED:
        _take_related(mode, taken, place, body, rows)
    _take_file(mode, taken, place, body, rows)


def _take_related(mode: str, taken: Taken, place: Place, body: dict[str, Any], rows: Rows) -> None:
    """What ties incidents is kept with what says who is who: both are folded again at every start."""
    key = (place.key, place.id)
    if is_tie(place):
        rows.standing.append((mode, taken.sequence))
    if place.fact == relations.Merged.name:
        rows.states[key], rows.closed[key] = IncidentState.CLOSED.value, taken.time
    elif place.fact == relations.Unmerged.name:
        is_closed = body["state"] == IncidentState.CLOSED.value
        rows.states[key], rows.closed[key] = body["state"], taken.time if is_closed else None
    elif place.fact == relations.TransferAnswered.name:
        rows.responsible[key] = body["responsible"]
    elif place.fact == relations.PlaceChanged.name and body.get("municipalities") is not None:
        rows.municipalities[key] = _json(body["municipalities"])
    elif place.fact == relations.GlassBroken.name:
        rows.broken.append((*key, relations.GlassBroken.model_validate(body)))


def _reference_row(mode: str, taken: Taken, place: Place, sealed: bytes | None) -> Row:
    system = (taken.body or {})["system"]
    return (mode, taken.id, place.id, place.key, system, None if sealed is None else number_in(sealed))


def number_in(sealed: bytes) -> str | None:
    """The case number in the content of a reference, as it is looked for; None if there is none."""
    said = unseal(sealed).get("reference")
    return None if said is None else as_number(str(said))


def as_number(said: str) -> str:
    """A case number without the blanks and the capitals that people write it with."""
    return "".join(said.split()).casefold()


def _head_row(mode: str, taken: Taken, place: Place, body: dict[str, Any], ends: Ends, rows: Rows) -> Row:
    counter = (taken.watch, year_of(taken.time))
    ends.numbers[counter] = number = ends.numbers.get(counter, 0) + 1
    rows.numbers.add(counter)
    return (
        *(mode, place.id, taken.watch, taken.id, taken.sequence, body["ref"], counter[1], number),
        *(taken.controller, _NEW, body["type"], body["priority"], body["level"]),
        *(_json(body.get("tags")), _json(body.get("named")), _json(body.get("municipalities"))),
        *(taken.occurred_at, taken.time, None, None, taken.watch, "[]"),
    )


def _take_file(mode: str, taken: Taken, place: Place, body: dict[str, Any], rows: Rows) -> None:
    if place.fact == attachments.Attached.name:
        rows.files.append(_file_row(mode, taken, taken.id or "", "original", body))
    elif place.fact == attachments.AttachmentChecked.name and body.get("shared"):
        rows.files.append(_file_row(mode, taken, body["attachment"], "shared", body["shared"]))


def _file_row(mode: str, taken: Taken, fact: str, sort: str, told: dict[str, Any]) -> Row:
    return (mode, fact, sort, told["object"], told["chunks"], taken.sequence, False, True)


def _check_body(name: str, body: dict[str, Any]) -> None:
    """Raises ValueError, KeyError or TypeError for the body of an incident's fact that has no meaning."""
    if name == incidents.Opened.name:
        incidents.Opened.model_validate(body, strict=False)
    elif name == incidents.StateChanged.name:
        IncidentState(body["state"])
    elif name == incidents.SharedWider.name:
        incidents.SharedWider.model_validate(body)
    elif name in _RELATED:
        _RELATED[name].model_validate(body, strict=False)
    elif name == attachments.Attached.name:
        attachments.Attached.model_validate(body, strict=False)
    elif name == attachments.AttachmentChecked.name:
        attachments.AttachmentChecked.model_validate(body, strict=False)


def year_of(recorded_at: str) -> int:
    """The year in Norway of a time with offset: running numbers begin anew with it."""
    if recorded_at[5:10] not in _TURN_OF_YEAR:
        return int(recorded_at[:4])
    return running.year_of(datetime.fromisoformat(recorded_at))


def wider(level: str, named: str, shared: incidents.SharedWider) -> tuple[str, str]:
    """An item's level and list after a raise: never narrower, and former receivers stay (R8)."""
    names = sorted({*json.loads(named), *shared.named})
    return max(Level(level), shared.level, key=lambda item: item.rank).value, _json(names)


def _json(found: Any) -> str:
    return "[]" if not found else orjson.dumps(found).decode()
