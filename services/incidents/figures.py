"""Statistics in which nobody can be found again: no figure is below five, and none follows from the others.

Pure. Small groups are not left blank, since a blank is given away by the sum: they are put together, with as
many of the next smallest as it takes, and what is put together is not named.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

LEAST = 5
"""The smallest figure that is told."""

_TAIL = 10
"""One in so many lies beyond the ninth decile: it is told when at least LEAST do."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What counts of an incident: where it belongs, and how long it took until told and until closed."""

    type: str
    watch: str
    hour: int
    told: timedelta | None
    closed: timedelta | None


@dataclass(frozen=True, slots=True)
class Groups:
    """Figures by name, and ``rest`` of at least two names that are not told; 0 when there is none."""

    named: Mapping[str, int] = field(default_factory=dict)
    rest: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, in whole minutes; None where too few would stand behind the figure."""

    count: int | None
    median: int | None
    ninth_decile: int | None


def groups(names: Iterable[str]) -> Groups:
    """How often each name stands there, put together until no figure is below LEAST."""
    counted = sorted(Counter(names).items(), key=lambda one: (one[1], one[0]))
    if sum(count for _, count in counted) < LEAST:
        return Groups()
    taken = sum(1 for _, count in counted if count < LEAST)
    while taken and (taken < 2 or sum(count for _, count in counted[:taken]) < LEAST):
        taken += 1
    if taken > len(counted):
        return Groups()
    rest = sum(count for _, count in counted[:taken])
    return Groups(dict(sorted(counted[taken:])), rest)


def times(found: Sequence[timedelta]) -> Times:
    """How long something took, as far as enough stand behind each figure."""
    if len(found) < LEAST:
        return Times(None, None, None)
    minutes = sorted(int(one.total_seconds()) // 60 for one in found)
    has_tail = len(minutes) >= LEAST * _TAIL
    return Times(
        len(minutes),
        minutes[len(minutes) // 2],
        minutes[len(minutes) * 9 // _TAIL] if has_tail else None,
    )


def by_group(happened: Sequence[Happened], told: Groups, what: str) -> dict[str, Times]:
    """The times of each named type."""
    return {
        name: times(
            [time for one in happened if one.type == name and (time := getattr(one, what)) is not None]
        )
        for name in told.named
    }
