"""One hub on which an exercise is played, and everything that others than its hidden watch can read of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.exercise_file import Plan
from tests.exercises import asking
from tests.exercises.asking import Houses, Names
from tests.exercises.desks import Desks
from tests.exercises.listening import Listener, Tick
from tests.exercises.renaming import Streams
from tests.system.scene import Phones, phones
from tests.system_hub import SAMVIRKE, HubProcess

MODE = "exercise"
HIDDEN = frozenset({"4601.barnevern"})
LOOKING = ("4601.samvirke", "4601.kk", "4627.vakt", "110-vest.main", "5001.vakt")
"""Whose desk is looked at; the same pages stand at every other."""
QUIET_S, PATIENCE_S = 1.0, 15.0

Play = Callable[[HubProcess], Awaitable[str]]
"""Plays an exercise on a hub that runs; gives the player's own report."""


@dataclass
class World:
    """A hub, the exercise that is played on it, and what was recorded."""

    home: Path
    plan: Plan
    play: Play
    streams: Streams = field(default_factory=dict)
    ticks: dict[str, list[Tick]] = field(default_factory=dict)
    report: str = ""
    names: Names = field(default_factory=dict)
    own: Names = field(default_factory=dict)
    paged: dict[str, int] = field(default_factory=dict)
    desks: Desks | None = None
    _hub: HubProcess | None = None
    _phones: Phones | None = None
    _listener: Listener | None = None
    _tokens: dict[str, str] = field(default_factory=dict)
    _end: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def houses(self) -> Houses:
        """Those who look on."""
        return Houses(self.plan.centre, MODE, HIDDEN)

    @property
    def hub(self) -> HubProcess:
        """The hub, once it runs."""
        assert self._hub is not None
        return self._hub

    async def run(self) -> None:
        """Start the hub, listen, play, and wait until nothing more comes."""
        found = self._phones = self._end.enter_context(phones())
        centre = self.plan.path.parent / self.plan.exercise.exercise.centre
        hub = self._hub = HubProcess(self.home, centre, modes=f"{MODE},actual", **found.settings)
        self._end.callback(hub.kill)
        await asyncio.to_thread(hub.start)
        self._tokens = await asking.tokens(hub.settings, self.houses)
        paths = await asking.sign_in_paths(hub.settings, self.houses, LOOKING)
        desks = self.desks = Desks(hub.desk, MODE)
        self._end.push_async_callback(desks.close)
        await desks.open(paths)
        listener = self._listener = Listener(hub.settings, hub.desk, MODE)
        self._end.push_async_callback(listener.close)
        organisations = sorted({watch.organisation for watch in self.plan.centre.watches})
        feeds = {watch.partition(".")[0]: secret for watch, secret in self._tokens.items()}
        await listener.open(organisations, feeds)
        self.report = await self.play(hub)
        await self._quiet(listener)
        self.names = await asking.names_of(hub.settings, self.houses)
        self.own = await asking.names_of(hub.settings, self.houses, HIDDEN)

    async def look(self, headlines: set[str]) -> None:
        """Ask whatever may be asked; also in vain for the incidents of which only another world has some."""
        settings, desk = self.hub.settings, self.hub.desk
        names = asking.in_vain(self.own, headlines)
        self.streams |= await asking.ask_all(settings, self.houses, names)
        self.streams |= await asking.read_all(desk, MODE, self._tokens, names, LOOKING)
        assert self.desks is not None
        self.streams |= await self.desks.look(names)
        assert self._listener is not None
        self.streams |= self._listener.streams
        self.ticks = self._listener.ticks
        self._keep_pages()

    async def close(self) -> None:
        """End everything that was started."""
        await self._end.aclose()

    async def _quiet(self, listener: Listener) -> None:
        """Return when no feed has brought anything for a while."""
        heard, until = -1, asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < until:
            now = sum(len(one) for one in listener.streams.values())
            if now == heard:
                return
            heard = now
            await asyncio.sleep(QUIET_S)

    def _keep_pages(self) -> None:
        """What each phone was sent; the people of the hidden watch are not others."""
        assert self._phones is not None
        hidden = {
            self.houses.person(key)
            for manning in self.plan.centre.manning
            for key in manning.holders.values()
            if manning.watch in HIDDEN
        }
        for person in self.plan.centre.persons:
            texts = [one.text.encode() for one in self._phones.to(person.phone or "")]
            self.paged[person.key] = len(texts)
            if person.id not in hidden:
                self.streams[f"phone {person.key}"] = texts
        self.streams["mails"] = sorted(mail.encode() for mail in self._phones.mails)


async def side_by_side(one: World, other: World) -> None:
    """Play both at once, each on a hub of its own, and then look at both."""
    try:
        await asyncio.gather(one.run(), other.run())
        headlines = {*one.own, *other.own}
        await asyncio.gather(one.look(headlines), other.look(headlines))
    finally:
        await asyncio.gather(one.close(), other.close())


def player(plan: Plan, *arguments: str) -> Play:
    """Plays by the command line, as anybody does."""

    async def play(hub: HubProcess) -> str:
        process = await asyncio.create_subprocess_exec(
            *(str(SAMVIRKE), "exercise", "play", str(plan.path), *arguments),
            env=hub.environment | {"SAMVIRKE_MODE": MODE},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    return play


def moments_of(plan: Plan) -> set[datetime]:
    """Every time that the exercise's files say: the same in every world."""
    events = plan.exercise.events
    said = {event.at for event in events} | {event.occurred_at for event in events if event.occurred_at}
    return said | {plan.exercise.exercise.starts, plan.exercise.exercise.ends}
