"""What an item can be found by: words and marks, each within the circle that may see it. Pure.

A term is a number made of a circle and a word. Who asks looks for words in its own circles only, so that
neither the answer nor the time it takes depends on what lies in others (D13).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from typing import Any, NamedTuple
from zlib import crc32

from schemas.directory import Directory
from schemas.sharing import Reach
from schemas.vocabulary import Level

LONGEST = 80
"""Characters of a word that are looked at."""
SUBSTRING_LEAST = 3
"""From how many characters a word is also found inside longer ones: «lekkasj» in «vannlekkasje»."""
ALL = "*"
"""Stands in every item; its term in a circle is the circle's number."""
CELL = 10
"""Cells of the map for each degree of latitude and longitude."""
CELLS_MOST = 400
SPAN_MS = 7 * 24 * 3600 * 1000
"""How long the spans are by which a moment is marked."""
SPANS_MOST = 120
_PIECE = 256
_WORD = re.compile(rf"(\w{{1,{LONGEST}}})\w*")
_NOT_WORDS = frozenset({"position"})


@dataclass(slots=True)
class Item:
    """The head of an incident, an entry, a correction or the words of a closing, as far as it is searched.

    ``occurred`` is in milliseconds since 1970; ``person`` is the writer; ``position`` latitude, longitude;
    ``type`` that of the incident in the same log, empty while that was not known.
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
    type: str = ""


class Posted(NamedTuple):
    """An item's sequence, and for each of its circles the circle's number and the item's terms there."""

    sequence: int
    terms: list[tuple[int, list[int]]]


class Wanted(NamedTuple):
    """The numbers of the circles in which is looked, and lists of which each must hold a term of the item.

    An item is found by all its terms in one of its circles, so the lists need not be kept apart by circles.
    """

    circles: list[int]
    lists: list[list[int]]


def words(text: str) -> list[str]:
    """The words of a text as they are compared: case does not count, ``å`` is not ``a``."""
    return _WORD.findall(composed(text).casefold())


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
    return set(words("\n".join(_texts(content)))) if content else set()


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


def _texts(content: dict[str, Any]) -> Iterator[str]:
    for name, value in content.items():
        if name not in _NOT_WORDS:
            if isinstance(value, str):
                yield value
            elif isinstance(value, dict):
                yield from _texts(value)
            elif isinstance(value, list):
                yield from _texts({str(at): one for at, one in enumerate(value)})


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
    """What an item is found by besides its words: whose log, what type, when, and where on the map."""
    found = [f"w:{item.reach.owner}", f"o:{item.reach.organisation}"]
    found += [f"d:{item.occurred // SPAN_MS}", f"t:{item.type}"]
    if item.position is not None:
        found.append(f"g:{_cell(item.position[0])},{_cell(item.position[1])}")
    return found


class Numbers(dict[str, int]):
    """The terms of what is told in one circle, made as they are asked for; ``new`` are those made last."""

    def __init__(self, circle: str, sort: str = "") -> None:
        self._start = crc32(sort.encode(), crc32(circle.encode()))
        self.new: list[str] = []

    def __missing__(self, told: str) -> int:
        number = self[told] = crc32(told.encode(), self._start)
        self.new.append(told)
        return number


class Circle:
    """The terms of a circle: of words, and of marks and writers."""

    def __init__(self, name: str) -> None:
        self.number, self.house = key(name, ALL), _house(name)
        self.words, self.marks = Numbers(name, "="), Numbers(name)


def keys(item: Item, circle_of: Callable[[str], Circle]) -> Posted:
    """The terms of an item in each of its circles; its writer where persons are named, in the own house."""
    told, found = marks(item), []
    for name in circles(item.reach):
        circle = circle_of(name)
        terms = [*map(circle.words.__getitem__, item.words), *map(circle.marks.__getitem__, told)]
        if item.person is not None and circle.house == item.author_organisation:
            terms.append(circle.marks[f"@{item.person}"])
        found.append((circle.number, terms))
    return Posted(item.sequence, found)


def numbers(reach: Reach) -> list[int]:
    """The numbers of the circles in which an item can be found."""
    return [key(name, ALL) for name in circles(reach)]


def key(circle: str, told: str) -> int:
    """The term of a mark, of a word written ``=word``, or of a writer written ``@person``."""
    return crc32(told.encode(), crc32(circle.encode()))


def _house(circle: str) -> str:
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


def type_marks(type: str) -> list[str]:
    """The marks of items that may belong to an incident of a type."""
    return [f"t:{type}", "t:"]


def is_listed(word: str) -> bool:
    """True if a word is kept to be found by a part of it; a plain number is found whole only."""
    return len(word) >= SUBSTRING_LEAST and not word.isdigit()


def _cell(degrees: float) -> int:
    return floor(degrees * CELL)
