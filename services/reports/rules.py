"""When watches must report, and what follows when they do not. Pure; ``now`` is an argument.

All moments are those of the wheel's own clock: an exercise has its own. Times of the day are Norway's, also
where the clock is set forward or back: a time that does not exist that day comes an hour later, one that
exists twice comes the first time. Source: scenario events 06, 14, 48 and 56.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from schemas.reports import DeadlineMet, DeadlineMissed, DeadlineReminded, WheelBegun, WheelEnded, deadline_id

OSLO = ZoneInfo("Europe/Oslo")
_DAY = timedelta(days=1)
_EVER = datetime(9990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deadline:
    """One watch's deadline."""

    wheel: str
    watch: str
    due: datetime

    @property
    def id(self) -> str:
        """What names it in facts."""
        return deadline_id(self.wheel, self.watch, self.due.astimezone(UTC).isoformat())


@dataclass(frozen=True, slots=True)
class Remind:
    """The watch is to be reminded."""

    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Miss:
    """The time is over; ``told`` is False for what was missed while a later deadline is missed as well."""

    deadline: Deadline
    told: bool


@dataclass(slots=True)
class Wheel:
    """The state of one wheel: what was asked, what was answered, reminded and missed.

    ``began`` is when it was begun, by its own clock; ``last`` is the sequence of its last fact.
    """

    asked: WheelBegun
    began: datetime
    last: int = 0
    ended: bool = False
    met: dict[tuple[str, datetime], DeadlineMet] = field(default_factory=dict)
    reminded: set[tuple[str, datetime]] = field(default_factory=set)
    missed: set[tuple[str, datetime]] = field(default_factory=set)
    settled: dict[str, datetime] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The wheel's own id."""
        return self.asked.wheel

    @property
    def reporters(self) -> list[str]:
        """The watches that are asked, each once however often it was named."""
        return list(dict.fromkeys(self.asked.reporters))

    def apply(self, body: Any) -> None:
        """Take in one of its facts, in ledger order; the first answer of a deadline holds."""
        match body:
            case DeadlineReminded():
                self.reminded.add((body.watch, body.due))
            case DeadlineMissed():
                self.missed.add((body.watch, body.due))
            case DeadlineMet():
                self.met.setdefault((body.watch, body.due), body)
            case WheelEnded():
                self.ended = True

    def is_settled(self, watch: str, due: datetime) -> bool:
        """True if a deadline was answered or missed: no time is waited for any more."""
        return (watch, due) in self.met or (watch, due) in self.missed

    def since(self, watch: str) -> datetime:
        """After which moment a watch's deadlines may be open; all before are settled."""
        since = self.settled.get(watch, self.began)
        for due in dues(self.asked, since):
            if not self.is_settled(watch, due):
                break
            since = due
        self.settled[watch] = since
        return since


def check(asked: WheelBegun, now: datetime) -> bool:
    """True if a wheel asks for something: one kind of times, and a deadline that is still to come."""
    kinds = (bool(asked.moments), bool(asked.daily), asked.every_s is not None)
    if sum(kinds) != 1 or (asked.every_s is None) != (asked.first is None):
        return False
    return asked.escalate_s >= asked.remind_s and next(dues(asked, now), None) is not None


def dues(asked: WheelBegun, after: datetime) -> Iterator[datetime]:
    """The deadlines after a moment, in UTC and in order; without end where the wheel has none."""
    if asked.every_s is not None and asked.first is not None:
        yield from _every(asked.first.astimezone(UTC), timedelta(seconds=asked.every_s), after)
    elif asked.daily:
        yield from _daily(asked.daily, after)
    else:
        moments = sorted({moment.astimezone(UTC) for moment in asked.moments})
        yield from moments[bisect_right(moments, after) :]


def _every(first: datetime, step: timedelta, after: datetime) -> Iterator[datetime]:
    due = first if after < first else first + ((after - first) // step + 1) * step
    while due < _EVER:
        yield due
        due += step


def _daily(clocks: list[str], after: datetime) -> Iterator[datetime]:
    day, last = after.astimezone(OSLO).date() - _DAY, after
    times = sorted(time.fromisoformat(clock) for clock in set(clocks))
    while day < _EVER.date():
        for moment in sorted(datetime.combine(day, at, OSLO).astimezone(UTC) for at in times):
            if moment > last:
                yield moment
                last = moment
        day += _DAY


def look(wheel: Wheel, now: datetime) -> tuple[list[Remind | Miss], datetime | None]:
    """What is to be said of a wheel now, and the next moment at which something may be."""
    found: list[Remind | Miss] = []
    moments: list[datetime] = []
    if wheel.ended:
        return found, None
    for watch in wheel.reporters:
        said, following = _look(wheel, watch, now)
        found += said
        moments += following
    return found, min(moments, default=None)


def _look(wheel: Wheel, watch: str, now: datetime) -> tuple[list[Remind | Miss], list[datetime]]:
    remind, escalate = (timedelta(seconds=s) for s in (wheel.asked.remind_s, wheel.asked.escalate_s))
    missed: list[Deadline] = []
    reminded: list[Deadline] = []
    moments: list[datetime] = []
    for due in dues(wheel.asked, wheel.since(watch)):
        if wheel.is_settled(watch, due):
            continue
        deadline, is_reminded = Deadline(wheel.id, watch, due), (watch, due) in wheel.reminded
        if now >= due + escalate:
            missed.append(deadline)
            continue
        if now >= due + remind and not is_reminded:
            reminded.append(deadline)
        moments.append(due + (escalate if now >= due + remind else remind))
        if now < due + remind:
            break
    said: list[Remind | Miss] = [Miss(one, told=one is missed[-1]) for one in missed]
    return [*said, *map(Remind, reminded)], moments


def open_deadlines(wheel: Wheel, now: datetime) -> list[Deadline]:
    """What each watch still owes, and the next deadline that it has not answered."""
    found: list[Deadline] = []
    if wheel.ended:
        return found
    for watch in wheel.reporters:
        for due in dues(wheel.asked, wheel.since(watch)):
            if not wheel.is_settled(watch, due):
                found.append(Deadline(wheel.id, watch, due))
                if due > now:
                    break
    return found


def nearest(wheel: Wheel, now: datetime) -> datetime | None:
    """The deadline that an answer given now is meant for: the nearest in time, of two the earlier."""
    before: datetime | None = None
    for due in dues(wheel.asked, max(wheel.began, now - _reach(wheel))):
        if due >= now:
            return due if before is None or due - now < now - before else before
        before = due
    return before


def _reach(wheel: Wheel) -> timedelta:
    """How far back the deadline before any moment lies at most, where a wheel goes on without end."""
    if wheel.asked.every_s is not None:
        return timedelta(seconds=wheel.asked.every_s)
    return timedelta(hours=26) if wheel.asked.daily else timedelta(days=36_500)


def answered_by(wheel: Wheel, watch: str, named: list[str], template: str, at: datetime) -> datetime | None:
    """The deadline that a watch's locked report answers, to its receiver and not answered before; or None."""
    asked, receiver = wheel.asked, wheel.asked.receiver
    is_meant = receiver in named or receiver.partition(".")[0] in named
    if wheel.ended or watch not in asked.reporters or not is_meant:
        return None
    if asked.template not in (None, template):
        return None
    due = nearest(wheel, at)
    return None if due is None or (watch, due) in wheel.met else due
