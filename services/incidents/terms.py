"""What an item can be found by: words and marks, each within the circle that may see it. Pure.

A term is a number made of a circle and a word. Who asks looks for words in its own circles only, so that
neither the answer nor the time it takes depends on what lies in others (D13).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from typing import Any
from zlib import crc32

from schemas.directory import Directory
from schemas.sharing import Reach
from schemas.vocabulary import Level

LONGEST = 80
"""Characters of a word that are looked at."""
SUBSTRING_LEAST = 3
"""From how many characters a word is also found inside longer ones: «lekkasj» in «vannlekkasje»."""
ALL = "*"
CELL = 10
"""Cells of the map for each degree of latitude and longitude."""
CELLS_MOST = 400
SPAN_MS = 7 * 24 * 3600 * 1000
"""How long the spans are by which a moment is marked."""
SPANS_MOST = 120
_PIECE = 256
_WORD = re.compile(r"\w+")
_NOT_WORDS = frozenset({"position"})


@dataclass(slots=True)
class Item:
    """The head of an incident, an entry, a correction or the words of a closing, as far as it is searched.

    ``occurred`` is in milliseconds since 1970; ``person`` is the writer; ``position`` latitude, longitude.
    """

    sequence: int
    fact: str
    about: str
    reach: Reach
    tagged: bool
    kind: str
    occurred: int
    person: str | None
    author_organisation: str
    words: set[str] = field(default_factory=set)
    position: tuple[float, float] | None = None


def words(text: str) -> list[str]:
    """The words of a text as they are compared: case does not count, ``å`` is not ``a``."""
    return [one[:LONGEST] for one in _WORD.findall(composed(text).casefold())]


def composed(text: str) -> str:
    """The text with each letter in one piece (NFC).

    Made of pieces that end before a plain letter: a row of some thousand accents takes seconds in one go,
    in which the process stands still.
    """
    if text.isascii():
        return text
    made, start = [], 0
    while start < len(text):
        end = start + _PIECE
        while end < len(text) and end > start + 1 and not text[end].isascii():
            end -= 1
        end = end if end > start + 1 else start + _PIECE
        made.append(unicodedata.normalize("NFC", text[start:end]))
        start = end
    return "".join(made)


def words_of(content: dict[str, Any] | None) -> set[str]:
    """Every word that somebody typed in a content."""
    return {one for text in _texts(content or {}) for one in words(text)}


def position_of(content: dict[str, Any] | None) -> tuple[float, float] | None:
    """Latitude and longitude of a content, if it says any."""
    said = (content or {}).get("position")
    if not isinstance(said, str):
        return None
    try:
        north, east = said.split(",")
        return float(north), float(east)
    except ValueError:
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _NOT_WORDS:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def circles(reach: Reach) -> list[str]:
    """The circles in which an item can be found; whoever may see it belongs to one of them."""
    alone = [watch for watch, _ in reach.broken] + ([] if reach.author is None else [reach.author])
    found = [f"a:{watch}" for watch in dict.fromkeys(alone)]
    if reach.level is Level.WATCH:
        return [*found, f"w:{reach.owner}"]
    found.append(f"o:{reach.organisation}")
    if reach.level is Level.PUBLIC:
        return [*found, "p"]
    if reach.level >= Level.NAMED:
        receivers = {name.partition(".")[0] for name in reach.named} - {reach.organisation}
        found += [f"n:{name}:{reach.organisation}" for name in sorted(receivers)]
    return [*found, f"r:{reach.organisation}"] if reach.level is Level.REGION else found


def circles_of(watch: str, directory: Directory, now: datetime) -> list[str]:
    """The circles that a watch belongs to now."""
    organisation = watch.partition(".")[0]
    found = [f"w:{watch}", f"a:{watch}", f"o:{organisation}", "p"]
    partners = {party for one in directory.agreements.values() for party in one.parties} - {organisation}
    agreed = (party for party in sorted(partners) if directory.agreed(party, organisation, now))
    members = {member for one in directory.regions.values() for member in one.members} - {organisation}
    shared = (member for member in sorted(members) if directory.share_region(member, organisation, now))
    return [*found, *(f"n:{organisation}:{party}" for party in agreed), *(f"r:{one}" for one in shared)]


def marks(item: Item) -> list[str]:
    """What an item is found by besides its words: whose log, when, and where on the map."""
    found = [ALL, f"w:{item.reach.owner}", f"o:{item.reach.organisation}", f"d:{item.occurred // SPAN_MS}"]
    if item.position is not None:
        found.append(f"g:{_cell(item.position[0])},{_cell(item.position[1])}")
    return found


def keys(item: Item) -> list[int]:
    """The terms of an item in all its circles; its writer only where persons are named, in the own house."""
    found: set[int] = set()
    told = [*marks(item), *(f"={word}" for word in item.words)]
    for circle in circles(item.reach):
        start = crc32(circle.encode())
        found.update(crc32(one.encode(), start) for one in told)
        if item.person is not None and _houses(circle) == item.author_organisation:
            found.add(crc32(f"@{item.person}".encode(), start))
    return sorted(found)


def key(circle: str, told: str) -> int:
    """The term of a mark, of a word written ``=word``, or of a writer written ``@person``."""
    return crc32(told.encode(), crc32(circle.encode()))


def _houses(circle: str) -> str:
    """The organisation that a circle lies within; none for one that is several organisations'."""
    sort, _, name = circle.partition(":")
    return name.partition(".")[0] if sort in "awo" else ""


def box_marks(south: float, west: float, north: float, east: float) -> list[str] | None:
    """The marks of the map's cells that a box touches; None if they are too many to name."""
    rows, columns = range(_cell(south), _cell(north) + 1), range(_cell(west), _cell(east) + 1)
    if len(rows) * len(columns) > CELLS_MOST:
        return None
    return [f"g:{row},{column}" for row in rows for column in columns]


def period_marks(since: int, until: int) -> list[str] | None:
    """The marks of a period in milliseconds since 1970; None if they are too many to name."""
    spans = range(since // SPAN_MS, until // SPAN_MS + 1)
    return [f"d:{span}" for span in spans] if len(spans) <= SPANS_MOST else None


def is_listed(word: str) -> bool:
    """True if a word is kept to be found by a part of it; a plain number is found whole only."""
    return len(word) >= SUBSTRING_LEAST and not word.isdigit()


def _cell(degrees: float) -> int:
    return floor(degrees * CELL)
