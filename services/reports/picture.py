"""What the room knows of one mode, folded from the ledger: templates, heads of reports, wheels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import directory, reports, subjects
from schemas.clock import WALL, Clock
from schemas.directory import Directory
from schemas.discards import Share
from schemas.exercise import Begun, ClockSet, Discarded, Ended
from schemas.reports import Approved, Drafted, Recalled, Submitted, TemplateSet, WheelBegun, WheelEnded
from schemas.sharing import Reach
from schemas.subjects import Place
from services.reports.rules import Wheel, answered_by
from services.reports.sheets import DRAFT, LOCKED, SUBMITTED
from services.runtime.follower import Trades
from services.runtime.ledger import Recorded

TRADES: Trades = (*directory.FACTS, reports.TRADE)
OF_WHEEL = (reports.WheelEnded, reports.DeadlineReminded, reports.DeadlineMissed, reports.DeadlineMet)


@dataclass(slots=True)
class Lock:
    """A locked version: the fact that locked it, who has it, and the incidents that it has to do with.

    ``quoted`` are those of whose entries it tells, ``about`` those that it is about besides.
    """

    fact: str
    at: datetime
    reach: Reach
    quoted: set[str] = field(default_factory=set)
    about: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Head:
    """A report in a list: where its facts lie, how far it has come, and its locked versions.

    ``began`` is when its first draft was recorded, ``at`` when its last fact was.
    """

    report: str
    place: Place
    template: str
    began: datetime
    at: datetime
    state: str = DRAFT
    version: int = 1
    locks: dict[int, Lock] = field(default_factory=dict)
    recalled: set[int] = field(default_factory=set)

    @property
    def locked(self) -> int:
        """The number of the newest locked version; 0 before the first."""
        return max(self.locks, default=0)


@dataclass(slots=True)
class Turning:
    """A wheel, where its facts lie, and the reports that answer its deadlines and are not noted yet."""

    wheel: Wheel
    place: Place
    controller: str
    began: datetime
    answers: dict[tuple[str, datetime], tuple[str, int, datetime]] = field(default_factory=dict)


@dataclass(slots=True)
class Picture:
    """A fold in memory; ``on_wheel`` is called with the key of one that has changed, ``on_clock`` without.

    ``on_gone`` is called with a wheel's key and place when its exercise was ended for good.
    """

    on_wheel: Callable[[str], None] = lambda key: None
    on_clock: Callable[[], None] = lambda: None
    on_gone: Callable[[str, Place], None] = lambda key, place: None
    directory: Directory = field(default_factory=Directory)
    templates: dict[tuple[str, str], TemplateSet] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    wheels: dict[str, Turning] = field(default_factory=dict)

    def apply(self, recorded: Recorded) -> None:
        """Take in one fact, in ledger order."""
        place, body = subjects.parse_place(recorded.subject), recorded.body
        if place is None or body is None:
            return
        self.directory.apply(body)
        match body:
            case TemplateSet():
                self.templates[body.where, body.template] = body
            case Drafted() | Submitted() | Approved() | Recalled():
                self._take_report(recorded, place, body)
            case WheelBegun():
                self._begin(recorded, place, body)
            case Begun() | ClockSet() | Ended():
                self.on_clock()
            case Discarded():
                self._discard(Share.of(body, self.directory))
        if isinstance(body, OF_WHEEL):
            self._turn(recorded, place, body)

    def of_share(self, share: Share) -> tuple[list[str], list[str]]:
        """The keys of an exercise's reports and wheels."""
        reports = [key for key, one in self.heads.items() if share.holds(one.place.key, one.began)]
        return reports, [key for key, one in self.wheels.items() if share.holds(one.place.key, one.began)]

    def _discard(self, share: Share) -> None:
        reports, wheels = self.of_share(share)
        for key in reports:
            del self.heads[key]
        for key in wheels:
            self.on_gone(key, self.wheels.pop(key).place)

    def template(self, watch: str, code: str) -> TemplateSet | None:
        """A watch's template: its own, or that of its organisation, which does not reach a hidden watch."""
        wide = None if self.directory.hidden(watch) else self.templates.get((watch.partition(".")[0], code))
        return self.templates.get((watch, code)) or wide

    def clock(self, turning: Turning) -> Clock:
        """The clock by which a wheel turns: that of its birthplace's exercise, or the wall's."""
        if not self.directory.joined:
            return WALL
        return self.directory.exercises.clock(turning.place.org, turning.began)

    def _take_report(self, recorded: Recorded, place: Place, body: Any) -> None:
        key, at = key_of(place), recorded.fact.time
        if isinstance(body, Drafted):
            drafted = self.heads.setdefault(key, Head(body.report, place, body.template, at, at))
            drafted.template, drafted.version = body.template, body.version
            drafted.state, drafted.at = DRAFT, at
        elif (head := self.heads.get(key)) is None:
            return
        elif isinstance(body, Recalled):
            head.recalled.add(body.version)
        else:
            is_locked = isinstance(body, Approved) and body.locked
            head.state, head.at = LOCKED if is_locked else SUBMITTED, at
            if is_locked:
                reach = Reach(place.key, body.level, tuple(body.named))
                lock = head.locks[body.version] = Lock(recorded.fact.id, at, reach)
                lock.quoted = {entry.incident for entry in body.entries}
                lock.about = {body.incident} if body.incident else set()
                self._answer(recorded, place, body)

    def _answer(self, recorded: Recorded, place: Place, body: Approved) -> None:
        """A locked report answers a deadline of each wheel to one of its receivers."""
        for key, turning in self.wheels.items():
            at = self.clock(turning).time(recorded.fact.time)
            due = answered_by(turning.wheel, place.key, body.named, body.template, at)
            if due is not None and (place.key, due) not in turning.answers:
                turning.answers[place.key, due] = (body.report, body.version, at)
                self.on_wheel(key)

    def _note_answer(self, incident: str | None, body: reports.DeadlineMet) -> None:
        """What answers a request for reports about an incident is about it."""
        head = self.heads.get(f"{body.watch}.{body.report}")
        if incident is not None and head is not None and body.version in head.locks:
            head.locks[body.version].about.add(incident)

    def _begin(self, recorded: Recorded, place: Place, body: WheelBegun) -> None:
        key, wall = key_of(place), recorded.fact.time
        if key in self.wheels:
            return
        began = self.directory.now(place.org, wall)
        wheel = Wheel(body, began, recorded.sequence)
        self.wheels[key] = Turning(wheel, place, recorded.fact.data.controller, wall)
        self.on_wheel(key)

    def _turn(self, recorded: Recorded, place: Place, body: Any) -> None:
        key = key_of(place)
        turning = self.wheels.get(key)
        if turning is None:
            return
        turning.wheel.apply(body)
        turning.wheel.last = recorded.sequence
        if isinstance(body, reports.DeadlineMet):
            turning.answers.pop((body.watch, body.due), None)
            self._note_answer(turning.wheel.asked.incident, body)
        if isinstance(body, WheelEnded):
            turning.answers.clear()
        self.on_wheel(key)


def key_of(place: Place) -> str:
    """Birthplace and id together: a stranger's may bear the same id."""
    return f"{place.key}.{place.id}"
