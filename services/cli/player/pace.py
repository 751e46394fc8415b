"""The pace of a playing: the time runs while somebody is being told, and jumps while nobody is."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from schemas import exercise
from schemas.centre import Centre
from schemas.clock import Clock
from schemas.envelope import Accepted, Answer
from services.cli.player.hub import Hub, HubSilent
from services.cli.player.lines import Line
from services.cli.player.phones import Message, Phones
from services.cli.player.report import Report
from services.cli.player.tellings import ANSWERED, FAILED, WAITING, Telling, leads

LOOK_S = 0.2
"""How often the player looks whether the clock may jump, when nothing else happens."""
UNTOLD_S = 15.0
"""How long after its time a message may be on its way, in seconds of the wall clock."""


class Pace:
    """The exercise's clock, the phones that are answered by it, and the lines that it gives back."""

    def __init__(
        self, hub: Hub, centre: Centre, report: Report, phones: Phones, lines: Mapping[str, Line]
    ) -> None:
        self.hub = hub
        self.id = hub.exercise
        self.speed = report.speed
        self.centre = centre
        self.report = report
        self.phones = phones
        self.lines = lines
        self.clock = Clock()
        self.tellings: list[Telling] = []
        self.strange: list[Message] = []
        self.restores: list[tuple[datetime, str]] = []

    @property
    def now(self) -> datetime:
        """What time it is in the exercise."""
        return self.clock.time(datetime.now(UTC))

    async def reach(self, at: datetime) -> None:
        """Let the time run until ``at``, answering phones on the way; it jumps when nobody is being told."""
        while True:
            self._hear()
            if await self._answer_due() or await self._restore_due():
                continue
            if self.now >= at:
                return
            if self._is_quiet() and await self.jump(min([at, *(until for until, _ in self.restores)])):
                continue
            await self._wait(at)

    async def settle(self) -> None:
        """Let the time run until every chain has ended."""
        while True:
            await self.reach(self.now + timedelta(milliseconds=1))
            if self._is_quiet():
                await self.stand(still=True)
                if await self.jump(self.now + timedelta(seconds=1)):
                    return
                await self.stand(still=False)
            await self._wait(self.now + timedelta(seconds=60))

    async def stand(self, *, still: bool) -> None:
        """Let no time pass while the player itself is at work: what it does takes nobody's minutes."""
        speed = 0 if still and self.speed > 1 else self.speed
        if speed != self.clock.speed:
            self.read(await self.hub.lead(exercise.SetClock(exercise=self.id, speed=speed)))

    async def jump(self, at: datetime) -> bool:
        """Set the clock on; False while somebody is being told, or it is that late already."""
        answer = await self.hub.lead(exercise.SetClock(exercise=self.id, at=at, speed=self.speed))
        if isinstance(answer, Accepted):
            self.read(answer)
            return True
        if answer.code not in ("CHAIN_OPEN", "TIME_GOES_BACK"):
            raise HubSilent(answer.code)
        return False

    def read(self, answer: Answer) -> None:
        """Take over what the hub says the time is."""
        if not isinstance(answer, Accepted):
            raise HubSilent(answer.code)
        wall, at = (datetime.fromisoformat(answer.result[name]) for name in ("wall", "at"))
        self.clock = self.clock.set(wall, at, answer.result["speed"])

    async def _wait(self, at: datetime) -> None:
        """Until a message comes, an answer is due, it is ``at``, or it is time to look again."""
        dues = [telling.due for telling in self.tellings if telling.pending and telling.due]
        walls = [wall for moment in (at, *dues) if (wall := self.clock.wall(moment)) is not None]
        now = datetime.now(UTC)
        pause = min([LOOK_S, *((wall - now).total_seconds() for wall in walls)])
        with contextlib.suppress(TimeoutError):
            message = await asyncio.wait_for(self.phones.fresh.get(), max(pause, 0.001))
            self._take(message)

    def _hear(self) -> None:
        while not self.phones.fresh.empty():
            self._take(self.phones.fresh.get_nowait())

    def hear_again(self) -> None:
        """Look anew at messages that came before it was known whom they tell of what."""
        strange, self.strange = self.strange, []
        for message in strange:
            self._take(message)

    def _take(self, message: Message) -> None:
        """Find whom a message tells of what."""
        person = person_at(self.centre, message.to)
        for telling in self.tellings:
            who = telling.place_of(message, person) if person else None
            if who is not None:
                telling.hear(who, message, self.now)
                return
        for telling in self.tellings:
            is_theirs = person is not None and leads(self.centre, person, telling.watch)
            if telling.is_gap and telling.state == WAITING and is_theirs:
                telling.hear("leader", message, self.now)
                return
        self.strange.append(message)

    async def _answer_due(self) -> bool:
        """Press the buttons whose time has come, one after another; True if there were any."""
        now = self.now
        due = [one for one in self.tellings if one.pending and one.due is not None and one.due <= now]
        if due:
            await self.stand(still=True)
        for telling in sorted(due, key=lambda one: (one.due or now, one.order)):
            await self._answer(telling)
        if due:
            await self.stand(still=False)
        return bool(due)

    async def _answer(self, telling: Telling) -> None:
        if telling.left_out:
            telling.state = ANSWERED
            return
        act = "decline" if telling.answers.act == "decline" else "ack"
        is_done = await self.phones.answer(telling.link, act)
        check = self.report.check("answers")
        told = {"no": telling.event.no, "who": telling.watch}
        check.hold(is_done, "{no}: the answer of {who} was not taken", **told)
        telling.state = ANSWERED if is_done else FAILED
        if is_done and act == "decline":
            telling.declined()

    async def _restore_due(self) -> bool:
        """Give lines back whose time has come."""
        due = [one for one in self.restores if one[0] <= self.now]
        for until, org in due:
            self.restores.remove((until, org))
            await self.lines[org].restore()
        return bool(due)

    def _is_quiet(self) -> bool:
        """True when nobody is waited for; who should have been told long ago is given up."""
        now = datetime.now(UTC)
        for telling in self.tellings:
            told_by = self.clock.wall(telling.awaited_at) if telling.state == WAITING else None
            if told_by is not None and now - told_by > timedelta(seconds=UNTOLD_S):
                telling.state = FAILED
        return not any(telling.pending for telling in self.tellings)


def person_at(centre: Centre, address: str) -> str | None:
    """The id of the person with this number or mail address."""
    return next((one.id for one in centre.persons if address in (one.phone, one.email)), None)


def key_at(centre: Centre, address: str) -> str:
    """The same person's key in the file; the address itself for nobody's."""
    return next((one.key for one in centre.persons if address in (one.phone, one.email)), address)
