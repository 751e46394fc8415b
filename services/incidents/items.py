"""Items as the search finds them, read from facts and their content. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import incidents, relations
from schemas.canonical import unseal
from schemas.sharing import Reach
from schemas.vocabulary import Level
from services.incidents.projection import Taken
from services.incidents.terms import Item, position_of, words_of

HEAD, CORRECTION, OUTCOME, REFERENCE = "head", "correction", "outcome", "reference"
_NO_ITEMS = frozenset({incidents.SharedWider.name})
_WITH_HEAD = frozenset(
    body.name for body in (incidents.StateChanged, relations.PlaceChanged, relations.FunctionAssigned)
)
"""Facts whose words reach as far as the head does."""
_KINDS = {
    incidents.Opened.name: HEAD,
    incidents.Corrected.name: CORRECTION,
    relations.Referenced.name: REFERENCE,
}
Key = tuple[str, str]
"""Birthplace watch and incident."""


@dataclass(slots=True)
class Known:
    """What the archive had before: reaches and types of heads, and in whose name a corrected item stands.

    The last is by fact id.
    """

    heads: dict[Key, Reach] = field(default_factory=dict)
    types: dict[Key, str] = field(default_factory=dict)
    authors: dict[str, str | None] = field(default_factory=dict)


def needs(batch: list[Taken]) -> tuple[set[str], set[str]]:
    """The incidents whose heads, and the facts whose authors, must be known to read a batch."""
    heads, opened, corrected = set(), set(), set()
    for taken in batch:
        if taken.id is None or taken.body is None or taken.place is None:
            continue
        if taken.place.fact == incidents.Opened.name:
            opened.add(taken.place.id)
        else:
            heads.add(taken.place.id)
        if taken.place.fact == incidents.Corrected.name:
            corrected.add(taken.body["entry"])
    return heads - opened, corrected


def items_of(batch: list[Taken], contents: Mapping[str, bytes], known: Known) -> list[Item]:
    """The items of a batch; ``known`` takes up its heads and authors. ``contents`` are sealed, by fact id."""
    found = []
    for taken in batch:
        if taken.id is not None and taken.body is not None:
            item = read_item(taken, contents.get(taken.id), known)
            if item is not None:
                found.append(item)
    return found


def read_item(taken: Taken, sealed: bytes | None, known: Known) -> Item | None:
    """The item that a fact of the incident log brings; None if it brings none."""
    place, body = taken.place, taken.body
    if place is None or body is None or taken.id is None or place.fact in _NO_ITEMS:
        return None
    if "level" in body:
        reach = _reach(taken, place.key, body, known)
    elif place.fact in _WITH_HEAD and taken.commitment is not None and (place.key, place.id) in known.heads:
        reach = known.heads[place.key, place.id]
    else:
        return None
    content = None if sealed is None else unseal(sealed)
    kind = _kind(place.fact, body)
    if kind == HEAD:
        known.heads[place.key, place.id], known.types[place.key, place.id] = reach, body["type"]
    known.authors[taken.id] = reach.author
    return Item(
        taken.sequence,
        taken.id,
        place.id,
        reach,
        bool(body.get("tags")),
        kind,
        milliseconds(taken.occurred_at),
        taken.actor.get("person"),
        str(taken.actor.get("organisation")),
        words_of(content),
        position_of(content),
        known.types.get((place.key, place.id), ""),
    )


def _reach(taken: Taken, owner: str, body: dict[str, Any], known: Known) -> Reach:
    """As the fold has it: who wrote what is corrected stands for the correction too."""
    author: str | None = f"{taken.actor.get('organisation')}.{taken.actor.get('watch')}"
    if author == owner:
        author = None
    if taken.place is not None and taken.place.fact == incidents.Corrected.name:
        author = known.authors.get(body["entry"], author)
    return Reach(owner, Level(body["level"]), tuple(body.get("named") or ()), author)


def _kind(name: str, body: dict[str, Any]) -> str:
    return OUTCOME if name in _WITH_HEAD else _KINDS.get(name) or str(body.get("kind") or name)


def milliseconds(time: str) -> int:
    """A time with offset as milliseconds since 1970."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def row_of(mode: str, item: Item) -> tuple[Any, ...]:
    """An item as a row; which correction it has is told later."""
    north, east = item.position or (None, None)
    reach = item.reach
    return (
        *(mode, item.sequence, item.about, reach.owner, reach.author, reach.level.value),
        *(_json(reach.named), _json([(one, until.isoformat()) for one, until in reach.broken])),
        *(item.tagged, item.kind, item.occurred, north, east, None),
    )


def reach_of(row: Any) -> Reach:
    """The reach that a row of an item holds."""
    broken = tuple((watch, datetime.fromisoformat(until)) for watch, until in json.loads(row["broken"]))
    return Reach(row["owner"], Level(row["level"]), tuple(json.loads(row["named"])), row["author"], broken)


def _json(found: Sequence[Any]) -> str:
    return json.dumps(found) if found else "[]"
