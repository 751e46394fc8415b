"""The rules of rosters: what may be put on one, and where nobody is. Times are arguments."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.duty import Duty, Place
from schemas.envelope import Refused
from schemas.shifts import Shift
from schemas.watch import Established

HORIZON = timedelta(days=14)
"""How far ahead a roster is looked through for gaps (D22)."""
NOTICE = timedelta(days=1)
"""How long before it begins a gap is said aloud."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody holds a place from ``since`` to ``until``; None where the roster just ends."""

    place: Place
    since: datetime
    until: datetime | None


def check_post(watches: Mapping[str, Established], watch: str, post: str) -> Refused | None:
    """Refuse a watch that is not set up, or a post that it does not have."""
    known = watches.get(watch)
    if known is None:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": watch})
    if post not in known.posts:
        return Refused(code="UNKNOWN_POST", parameters={"post": post})
    return None


def check_period(since: datetime, until: datetime | None) -> Refused | None:
    """Refuse an end that is not after the start."""
    return None if until is None or until > since else Refused(code="BAD_PERIOD")


def taker(duty: Duty, place: Place, now: datetime) -> str | None:
    """The person who has taken the place over and not released it, or None when the roster holds."""
    held = duty.holding(place, now)
    return held.person if held is not None and held.manner == "taken" else None


def gaps(duty: Duty, start: datetime, end: datetime, organisation: str | None = None) -> Iterator[Gap]:
    """Every gap that touches the time from ``start`` to ``end``, of places that a roster has once filled.

    With ``organisation``, of its watches only. A gap's beginning is where the last one's time ends, so the
    same gap is found again as the same.
    """
    for place, manned in duty.places.items():
        if organisation not in (None, place[0].partition(".")[0]):
            continue
        for since, until in _uncovered(manned):
            if since < end and (until is None or until > start):
                yield Gap(place, since, until)


def _uncovered(manned: Iterable[Shift]) -> Iterator[tuple[datetime, datetime | None]]:
    rostered = [one.since for one in manned if one.manner == "roster"]
    if not rostered:
        return
    covered = min(rostered)
    for one in sorted(manned, key=lambda one: one.since):
        if one.since > covered:
            yield covered, one.since
        if one.until is None:
            return
        covered = max(covered, one.until)
    yield covered, None
