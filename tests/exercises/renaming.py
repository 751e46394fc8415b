"""Makes recordings of two worlds comparable: what chance or a clock gives is named by its place.

Ids, refs, receipts, times, epochs, secrets and ports become ``<id 1>``, ``<ref 1>`` … in the order in which
they first appear. Numbers, counts, positions within an epoch, codes, words and their order stay as they are.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.identifiers import read_ref

Streams = dict[str, list[bytes]]
"""What could be read, by where: a connection's messages, a stream's events, a page's bytes; each in order."""

_CHANCE = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<host>(?:127\.0\.0\.1|localhost):\d{2,5})"
    r"|(?<=/k/)(?P<link>[\w-]{22})"
    r"|(?<=samvirke-session=)(?P<session>[\w-]{20,200})"
    r"|(?<![\w-])(?P<secret>[A-Za-z0-9_-]{43})(?![\w-])"
    r"|(?<![\w-])(?P<hex>[0-9a-f]{32,64})(?![\w-])"
    r"|(?<![\w.-])(?P<epoch>[0-9a-f]{8})(?=[.\"])"
    r"|(?<=data-place=\")(?P<place>[0-9a-f]{12}\.\d+)"
    r"|(?<=data-order=\"[01]\d)(?P<order>\d{15})"
    r"|(?<!\w)(?P<ref>[0-9A-Z]{7})(?![\w-])"
)

_SHOWN = re.compile(r'(?P<mark><time[^>]* datetime="(?P<time>[^"]+)"[^>]*>)(?P<words>[^<]+)(?=</time>)')
_TITLE = re.compile(r'(<time[^>]* title=")\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d(?=")')
_OF_THE_CLOCK = ("place", "order")
"""Milliseconds of the wall clock, which two things may share by chance: they all get one name."""
_OSLO = ZoneInfo("Europe/Oslo")


@dataclass(frozen=True)
class Said:
    """What the exercise itself says, the same in every world: persons' ids, and moments.

    Other times ``between`` its beginning and end are readings of its clock. That stands still at times, so
    two of them may be one by chance: they all get one name.
    """

    ids: frozenset[str] = frozenset()
    moments: frozenset[datetime] = frozenset()
    between: tuple[datetime, datetime] | None = None


NOTHING = Said()


@dataclass
class Renamer:
    """One world's names."""

    said: Said = NOTHING
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def rename(self, raw: bytes) -> bytes:
        """The bytes with every chance value named."""
        text = _SHOWN.sub(_shown_time, raw.decode("utf-8", "surrogateescape"))
        text = _TITLE.sub(r"\1a time", text)
        return _CHANCE.sub(self._name, text).encode("utf-8", "surrogateescape")

    def _name(self, found: re.Match[str]) -> str:
        kind, value = str(found.lastgroup), found[0]
        if value in self.said.ids or (kind == "ref" and read_ref(value) != value):
            return value
        if kind == "time" and (name := self._of_the_clock(value)) is not None:
            return name
        if kind in _OF_THE_CLOCK:
            return f"<{kind}>"
        if (kind, value) not in self.names:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.names[kind, value] = f"<{kind} {self.counts[kind]}>"
        return self.names[kind, value]

    def _of_the_clock(self, value: str) -> str | None:
        """A time as it stands, if the exercise says it; a reading of the exercise's clock; else None."""
        at, between = datetime.fromisoformat(value), self.said.between
        if at in self.said.moments:
            return value
        return "<exercise time>" if between and between[0] <= at <= between[1] else None


@dataclass(frozen=True)
class Difference:
    """Where two worlds differ: in which stream, at which place in it, and what each of them shows there."""

    stream: str
    place: int
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.stream} [{self.place}]\n  with:    {self.one}\n  without: {self.other}"


def renamed(streams: Streams, said: Said = NOTHING) -> Streams:
    """All streams with chance values named; streams are gone through by name, so that order is the same."""
    renamer = Renamer(said)
    return {name: [renamer.rename(one) for one in streams[name]] for name in sorted(streams)}


def differences(one: Streams, other: Streams) -> list[Difference]:
    """Every stream whose bytes differ, with the first place where they do; order and count included."""
    found = []
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name, []), other.get(name, [])
        for place in range(max(len(left), len(right))):
            here, there = _at(left, place), _at(right, place)
            if here != there:
                found.append(_difference(name, place, here, there))
                break
    return found


def _shown_time(found: re.Match[str]) -> str:
    """A time in words says nothing beside the time in its mark; if it is not that time, it stays."""
    local = datetime.fromisoformat(found["time"]).astimezone(_OSLO).strftime("%d.%m.%Y %H:%M:%S")
    return found["mark"] + ("the same" if found["words"].strip() in local else found["words"])


def _at(messages: list[bytes], place: int) -> bytes | None:
    return messages[place] if place < len(messages) else None


def _difference(name: str, place: int, one: bytes | None, other: bytes | None) -> Difference:
    if one is None or other is None:
        return Difference(name, place, _shown(one, 0), _shown(other, 0))
    begin = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return Difference(name, place, _shown(one, begin), _shown(other, begin))


def _shown(raw: bytes | None, begin: int) -> str:
    if raw is None:
        return "nothing"
    start = max(begin - 200, 0)
    return ("…" if start else "") + raw[start : begin + 200].decode("utf-8", "replace")
