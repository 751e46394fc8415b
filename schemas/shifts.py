"""The shifts of one place on duty. Pure; ``now`` is an argument."""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Literal

from schemas.watch import Manned, Released


@dataclass(frozen=True, slots=True)
class Shift:
    """Who holds a place, from when, to when, and how it came to that."""

    person: str
    since: datetime
    until: datetime | None = None
    manner: Literal["roster", "taken"] = "roster"

    @classmethod
    def of(cls, body: Manned) -> "Shift":
        """What a fact says; there are years of them in memory."""
        return cls(sys.intern(body.person), body.since, body.until, body.manner)


@dataclass(slots=True)
class Shifts:
    """All that was said of one place. What a fact costs does not grow with the facts before it.

    Each take-over has ended those before it, so of any two the earlier one is over when the later begins.
    """

    roster: dict[datetime, tuple[int, Shift]] = field(default_factory=dict)
    """By beginning, each with its number: of two that cover a moment the one that was said later holds."""
    taken: list[Shift] = field(default_factory=list)
    _said: int = 0
    _standing: set[datetime] = field(default_factory=set)
    """Beginnings of shifts without an end."""
    _spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    """Beginning and end of all others, sorted."""
    _ends: list[datetime] = field(default_factory=list)
    """Beside each span the latest end of it and those before it."""

    @classmethod
    def of(cls, rostered: list[Shift], taken: list[Shift]) -> "Shifts":
        """What was ``rostered`` and ``taken`` before, in that order."""
        found = cls()
        for shift in rostered:
            found.add(shift)
        found.taken = taken
        return found

    @property
    def rostered(self) -> list[Shift]:
        """What the roster says, in the order in which it was said."""
        return [shift for _, shift in self.roster.values()]

    def __iter__(self) -> Iterator[Shift]:
        yield from self.rostered
        yield from self.taken

    def add(self, shift: Shift) -> None:
        """Take in a shift."""
        if shift.manner == "taken":
            self._end_taken(shift.since)
            self.taken.append(shift)
            return
        self._drop(shift.since)
        self._said += 1
        self.roster[shift.since] = (self._said, shift)
        if shift.until is None:
            self._standing.add(shift.since)
        else:
            place = bisect_left(self._spans, shift.since, key=itemgetter(0))
            self._spans.insert(place, (shift.since, shift.until))
            self._count_ends(place)

    def release(self, released: Released) -> None:
        """What was taken by the one who releases ends at the release."""
        self._end_taken(released.at, released.person)

    def forget(self, person: str) -> None:
        """Drop what a person held."""
        for since in [since for since, (_, one) in self.roster.items() if one.person == person]:
            self._drop(since)
        self.taken = [one for one in self.taken if one.person != person]

    def holding(self, now: datetime) -> Shift | None:
        """The fact by which somebody holds the place now, or None."""
        for shift in reversed(self.taken):
            if _covers(shift, now):
                return shift
            if _is_over(shift, now):
                break
        covering = (self.roster[since] for since in self._may_cover(now))
        found = max((one for one in covering if _covers(one[1], now)), key=itemgetter(0), default=None)
        return None if found is None else found[1]

    def _may_cover(self, now: datetime) -> Iterator[datetime]:
        yield from self._standing
        place = bisect_right(self._spans, now, key=itemgetter(0)) - 1
        while place >= 0 and self._ends[place] > now:
            yield self._spans[place][0]
            place -= 1

    def _drop(self, since: datetime) -> None:
        _, known = self.roster.pop(since, (0, None))
        self._standing.discard(since)
        if known is not None and known.until is not None:
            place = bisect_left(self._spans, since, key=itemgetter(0))
            del self._spans[place]
            self._count_ends(place)

    def _count_ends(self, first: int) -> None:
        del self._ends[first:]
        for _, end in self._spans[first:]:
            self._ends.append(max(end, self._ends[-1]) if self._ends else end)

    def _end_taken(self, at: datetime, person: str | None = None) -> None:
        for place in range(len(self.taken) - 1, -1, -1):
            shift = self.taken[place]
            if _is_over(shift, at):
                return
            is_longer = shift.until is None or shift.until > at
            if is_longer and person in (None, shift.person):
                self.taken[place] = replace(shift, until=at)


def _covers(shift: Shift, now: datetime) -> bool:
    return shift.since <= now and (shift.until is None or now < shift.until)


def _is_over(shift: Shift, now: datetime) -> bool:
    """True if the shift has begun and ended by then."""
    return shift.since <= now and shift.until is not None and shift.until <= now
