"""The time of exercises, as a fold over the facts of trade ``exercise`` (D23). Pure.

A clock is made of pieces: from a wall time on, exercise time runs on from a moment at a speed. A clock
without pieces is the wall clock itself, which is the clock of everything that is no exercise.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.exercise import Begun, ClockSet, Discarded, Ended

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """From ``wall`` on it is ``at``, and time runs ``speed`` times as fast as on the wall."""

    wall: datetime
    at: datetime
    speed: int


@dataclass(frozen=True, slots=True)
class Clock:
    """One exercise's time. It never goes back."""

    pieces: tuple[Piece, ...] = ()
    ended: bool = False

    def set(self, wall: datetime, at: datetime, speed: int) -> "Clock":
        """With one piece more; what begins before the last one, or would turn time back, is fitted to it."""
        if self.pieces:
            wall = max(wall, self.pieces[-1].wall)
            at = max(at, self.time(wall))
        return replace(self, pieces=(*self.pieces, Piece(wall, at, speed)))

    def end(self, wall: datetime) -> "Clock":
        """The clock that stands still from a wall time on, for good."""
        return replace(self.set(wall, self.time(wall), 0), ended=True)

    def time(self, wall: datetime) -> datetime:
        """What time it is in the exercise at a wall time; before its beginning, the wall time itself."""
        place = bisect_right(self.pieces, wall, key=lambda piece: piece.wall)
        if not place:
            return wall
        piece = self.pieces[place - 1]
        return piece.at + (wall - piece.wall) * piece.speed

    def wall(self, at: datetime) -> datetime | None:
        """When it will be ``at``, to the next millisecond, as the clock runs now; None if it stands still.

        A moment that is past already gives one that is past.
        """
        if not self.pieces:
            return at
        piece = self.pieces[-1]
        if piece.speed == 0:
            return piece.wall if at <= piece.at else None
        exact = piece.wall + (at - piece.at) / piece.speed
        rest = timedelta(microseconds=exact.microsecond % 1000)
        return exact - rest + _MILLISECOND if rest else exact

    @property
    def speed(self) -> int:
        """How fast it runs now."""
        return self.pieces[-1].speed if self.pieces else 1


WALL = Clock()
"""The wall clock."""


@dataclass(frozen=True, slots=True)
class Run:
    """One exercise: its clock, who takes part, the watch that leads it, and what of it is ended for good.

    ``gone`` are houses and watches, each with the wall time until which what took place there is gone.
    """

    id: str
    code: str
    organisations: tuple[str, ...]
    clock: Clock
    led_by: str = ""
    gone: tuple[tuple[str, datetime], ...] = ()


@dataclass(slots=True)
class Exercises:
    """Every exercise of a mode. Each fact is applied once, in ledger order.

    What happens in an organisation belongs to the exercise that it is in at that wall time. ``joined`` says
    since when each organisation is in which one.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    joined: dict[str, tuple[tuple[datetime, str], ...]] = field(default_factory=dict)

    def apply(self, body: Any) -> None:
        """Take in one fact's body; others than those of exercises are passed over."""
        match body:
            case Begun() if body.exercise not in self.runs:
                self._begin(body)
            case ClockSet() if (run := self.runs.get(body.exercise)) and not run.clock.ended:
                self._keep(run, run.clock.set(body.wall, body.at, body.speed))
            case Ended() if run := self.runs.get(body.exercise):
                self._keep(run, run.clock.end(body.wall))
            case Discarded() if run := self.runs.get(body.exercise):
                gone = (*run.gone, *((where, body.wall) for where in body.where))
                self.runs[run.id] = replace(run, gone=gone)

    def of(self, organisation: str, wall: datetime) -> Run | None:
        """The exercise that the organisation was in at a wall time, or None."""
        joined = self.joined.get(organisation, ())
        place = bisect_right(joined, wall, key=lambda one: one[0])
        return self.runs[joined[place - 1][1]] if place else None

    def clock(self, organisation: str, wall: datetime) -> Clock:
        """The clock that held for the organisation at a wall time."""
        run = self.of(organisation, wall)
        return run.clock if run is not None else WALL

    def time(self, organisation: str, wall: datetime) -> datetime:
        """What time it was for the organisation at a wall time."""
        return self.clock(organisation, wall).time(wall)

    def _begin(self, body: Begun) -> None:
        for organisation in body.organisations:
            former = self.of(organisation, body.wall)
            if former is not None and not former.clock.ended:
                self._keep(former, former.clock.end(body.wall))
        clock = WALL.set(body.wall, body.at, body.speed)
        self.runs[body.exercise] = Run(
            body.exercise, body.code, tuple(body.organisations), clock, body.led_by or ""
        )
        for organisation in body.organisations:
            self.joined[organisation] = (*self.joined.get(organisation, ()), (body.wall, body.exercise))

    def _keep(self, run: Run, clock: Clock) -> None:
        self.runs[run.id] = replace(run, clock=clock)
