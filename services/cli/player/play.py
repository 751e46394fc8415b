"""Plays an exercise file on a running hub: sends what is scripted, answers the phones, moves the clock."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas import exercise, subjects
from schemas.envelope import Accepted, Answer, Refused
from schemas.exercise_check import person_for
from schemas.exercise_file import Plan
from schemas.exercise_parts import OF_REPORTS, SENT, Event
from schemas.identifiers import new_id
from schemas.vocabulary import Mode, Priority
from services.cli import applying
from services.cli.player import checks, deadlines
from services.cli.player.acts import Known, Opened, command_of
from services.cli.player.faults import kill
from services.cli.player.hub import Hub, HubSilent
from services.cli.player.lines import Line
from services.cli.player.pace import Pace, key_at
from services.cli.player.phones import Phones
from services.cli.player.report import Report
from services.cli.player.tellings import tellings_of
from services.runtime import names, players, watches
from services.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to play: which events, at which speed, and which incidents to leave out, with their times kept."""

    first: str | None = None
    last: str | None = None
    without: frozenset[str] = frozenset()
    speed: int = exercise.FASTEST

    def of(self, events: Iterable[Event]) -> list[Event]:
        """The events between the first and the last that are wanted; a number means all of its letters."""
        low, high = _digits(self.first or "0"), _digits(self.last or "999")
        return [event for event in events if low <= _digits(event.no) <= high]


@dataclass(slots=True)
class Played:
    """What an event that was sent has become: its facts, and the item that others get."""

    event: Event
    fact: str
    items: list[str] = field(default_factory=list)
    subject: str = ""


Tell = Callable[[datetime, Event, str], None]
"""Called with the exercise's time, an event, and how it went."""


class Player:
    """One playing of a file."""

    def __init__(self, settings: Settings, plan: Plan, wanted: Wanted, tell: Tell) -> None:
        self.plan = plan
        self.settings = settings
        self.events = wanted.of(plan.exercise.events)
        self.wanted = wanted
        self.id = new_id()
        self.hub = Hub(settings, self.id, plan.centre.centre.host)
        self.phones = Phones(settings)
        self.known = Known()
        self.reports = deadlines.Reports()
        self.played: list[Played] = []
        self.told: set[tuple[str, str]] = set()
        self.lines: dict[str, Line] = {}
        self.actual: dict[str, str | None] = {}
        about, now = plan.exercise.exercise, datetime.now(UTC).astimezone()
        self.report = Report(self.id, about.code, about.title, wanted.speed, now.isoformat())
        self.pace = Pace(self.hub, plan.centre, self.report, self.phones, self.lines)
        self._priorities: dict[str, Priority] = {}
        self._tell = tell

    async def run(self) -> Report:
        """Play, check, and end the exercise. Raises HubSilent, HubAway, NotAnswered."""
        began = time.monotonic()
        with players.announced(self.settings.home, await self.phones.start()):
            try:
                await self._begin()
                for index, event in enumerate(self.events):
                    await self._play(index, event)
                await self.pace.settle()
                await checks.look(self)
            finally:
                await asyncio.shield(self._end())
        self.report.seconds = time.monotonic() - began
        self.report.messages = [
            {"person": key_at(self.plan.centre, one.to), "at": one.at.isoformat(), "text": one.text}
            for one in self.phones.taken
        ]
        return self.report

    async def _begin(self) -> None:
        centre = self.plan.centre
        await applying.apply(self.settings, centre, [Mode.EXERCISE])
        pairs = applying.watches_of(centre)
        await asyncio.to_thread(watches.admit_exercise, self.settings, self.id, pairs)
        org, watch = pairs[-1]
        subject = subjects.query(Mode.EXERCISE, org, watch, "watch", "duty")
        user = names.exercise_user(self.id, org, watch)
        await watches.wait_until_user_answered(self.settings, user, subject, applying.PATIENCE_S)
        for one in centre.organisations:
            _, start = await self.hub.feed(one.key, None)
            self.lines[one.key] = Line(self.hub, one.key, start)
            await self.lines[one.key].open()
            if Mode.ACTUAL in self.settings.modes:
                _, self.actual[one.key] = await self.hub.actual_feed(one.key, None)
        about = self.plan.exercise.exercise
        request = exercise.Begin(
            exercise=self.id,
            code=about.code,
            organisations=[one.key for one in centre.organisations],
            at=self.events[0].at if self.events else about.starts,
            speed=self.wanted.speed,
        )
        self.pace.read(await self.hub.lead(request))

    async def _end(self) -> None:
        """End the exercise and take its credentials back, however it went."""
        with contextlib.suppress(HubSilent):
            await self.hub.lead(exercise.End(exercise=self.id))
        for line in self.lines.values():
            await line.cut()
        await self.hub.close()
        await self.phones.stop()
        await asyncio.to_thread(watches.dismiss_exercise, self.settings, self.id)

    async def _play(self, index: int, event: Event) -> None:
        """Wait for the event's time, and let it happen."""
        await self.pace.reach(event.at)
        if event.needs is not None:
            what = "in part" if event.act or event.gaps or event.overdue else "skipped"
            self.report.skipped.append(
                {"no": event.no, "title": event.title, "needs": event.needs, "what": what}
            )
        if event.act is None and not (event.gaps or event.overdue):
            self._tell(self.pace.now, event, "skipped")
            return
        left_out = event.incident in self.wanted.without
        await self.pace.stand(still=True)
        fact = None if left_out else await self._act(event)
        self._expect(index, event, fact)
        said = "left out" if left_out else "played"
        self.report.played.append(
            {"no": event.no, "title": event.title, "at": self.pace.now.isoformat(), "how": said}
        )
        self._tell(self.pace.now, event, said)
        if not left_out:
            await checks.sight(self, event)
        await self.pace.stand(still=False)

    async def _act(self, event: Event) -> str | None:
        """Do what the event says; the id of its fact, if it has one."""
        name = event.act[0] if event.act else ""
        if name in SENT:
            return await self._send(event)
        if event.cut is not None:
            await self.lines[event.cut.organisation].cut()
            self.pace.restores.append((event.cut.until, event.cut.organisation))
        elif event.kill is not None:
            await kill(self.settings.home, event.kill.part)
        elif event.settle is not None:
            await self.pace.stand(still=False)
            await self.pace.settle()
        return None

    async def _send(self, event: Event) -> str | None:
        check = self.report.check("acts")
        watch, person = self.sender(event)
        try:
            answer = await self._answer_to(event, watch, person)
        except KeyError:
            check.hold(False, "{no}: what it refers to was not taken in", no=event.no)
            return None
        said = answer.code if isinstance(answer, Refused) else "accepted"
        wanted = event.refused or "accepted"
        told = {"no": event.no, "who": watch, "found": said, "wanted": wanted}
        check.hold(said == wanted, "{no}: what {who} sent is {found}, not {wanted}", **told)
        if not isinstance(answer, Accepted):
            return None
        unattached = answer.result.get("mark") == "unattached"
        told = {"no": event.no, "who": watch, "incident": event.incident or "–"}
        check.hold(not unattached, "{no}: {who} does not see incident {incident}", **told)
        await self._learn(event, watch, answer)
        return answer.id

    async def _answer_to(self, event: Event, watch: str, person: str) -> Answer:
        if event.act is not None and event.act[0] in OF_REPORTS:
            return await deadlines.send(self, event)
        request, content = command_of(self.plan, event, self.known)
        return await self.hub.send(watch, person, request, content, event.occurred_at or event.at)

    async def _learn(self, event: Event, watch: str, answer: Accepted) -> None:
        """Note what letters and labels now stand for, and which item others get."""
        items = [answer.id]
        if event.open is not None and event.incident is not None:
            opened = Opened(answer.subject, answer.ref or "", watch, answer.id)
            self.known.incidents[event.incident] = opened
            self._priorities[event.incident] = event.open.priority
        elif event.entry is not None and event.entry.label is not None:
            self.known.entries[event.entry.label] = answer.id
        elif event.share is not None:
            head = self.known.incidents[event.incident or ""].head
            items = [self.known.entries[event.share.entry] if event.share.entry else head]
        elif event.intake is not None:
            items = await checks.warnings_of(self, event, answer)
        self.played.append(Played(event, answer.id, items, answer.subject))

    def _expect(self, index: int, event: Event, fact: str | None) -> None:
        """Note who must be told now."""
        if fact is None and event.act is not None and event.incident not in self.wanted.without:
            return
        item = self.played[-1].items[0] if fact and self.played and self.played[-1].items else ""
        priority = getattr(event.act[1], "priority", None) if event.act else None
        head = Priority.NORMAL if event.correct else self._priorities.get(event.incident or "")
        priority = priority or (self._of_template(event) if event.report else head) or Priority.NORMAL
        after_s = self.plan.exercise.exercise.acknowledge_after_s
        notified = event.notified or self._corrected(event) or self._answered(event)
        for telling in tellings_of(event, notified, index, self.plan.centre, after_s, priority, fact):
            if event.share is not None and (item, telling.watch) in self.told:
                continue
            self.told.add((item, telling.watch))
            opened = self.known.incidents.get(event.incident or "")
            telling.incident = opened.id if opened else ""
            if event.report is not None:
                telling.incident = self.played[-1].subject
            self.pace.tellings.append(telling)
        self.pace.tellings += deadlines.tellings(self, event, index)
        self.pace.hear_again()

    def _of_template(self, event: Event) -> Priority | None:
        code = event.report.template if event.report else ""
        return next((one.priority for one in self.plan.centre.reports if one.code == code), None)

    def _corrected(self, event: Event) -> list[str]:
        """Who had a wrong entry is told of its correction."""
        wrong = self._labelled(event.correct.entry) if event.correct else None
        return wrong.notified if wrong else []

    def _answered(self, event: Event) -> list[str]:
        """Who has asked for resources is told of the answer."""
        asked = self._labelled(event.respond.entry) if event.respond else None
        return [self.sender(asked)[0]] if asked else []

    def _labelled(self, label: str) -> Event | None:
        found = (one for one in self.plan.exercise.events if one.entry and one.entry.label == label)
        return next(found, None)

    def sender(self, event: Event) -> tuple[str, str]:
        """Key of the watch, and id of the person, that an event's act comes from."""
        watch = self.plan.centre.watch(event.sender or "")
        person = self.plan.centre.person(person_for(event, self.plan.centre) or "")
        return watch.key if watch else "", person.id if person else ""

    def person_of(self, watch: str) -> str:
        """Somebody who may ask for a watch: its first primary, else an operator."""
        event = Event(no="00", at=self.pace.now, title="", sender=watch)
        return self.sender(event)[1]


def _digits(number: str) -> int:
    return int("".join(character for character in number if character.isdigit()) or 0)


async def play(
    settings: Settings, plan: Plan, wanted: Wanted, tell: Tell = lambda _at, _event, _how: None
) -> Report:
    """Play a file on the hub of this home; what was found. Raises HubSilent, HubAway, NotAnswered."""
    return await Player(settings, plan, wanted, tell).run()
