"""One hub on which an exercise is played, and everything that others than its hidden watch can read of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from schemas.exercise_file import Plan
from tests.exercises import asking
from tests.exercises.asking import Houses, Names
from tests.exercises.desks import Desks
from tests.exercises.listening import Listener, Tick
from tests.exercises.renaming import Said, Streams
from tests.system_hub import SAMVIRKE, HubProcess

MODE = "exercise"
HIDDEN = frozenset({"4601.barnevern"})
LOOKING = ("4601.samvirke", "4601.kk", "4627.vakt", "110-vest.main", "5001.vakt")
"""Whose desk is looked at; the same pages stand at every other."""
AFTER = timedelta(hours=1)
"""How long after its last event the clock of an exercise runs at most."""
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
        centre = self.plan.path.parent / self.plan.exercise.exercise.centre
        hub = self._hub = HubProcess(self.home, centre, modes=f"{MODE},actual", checkpoint_s="30")
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

    async def look(self, headlines: set[str], doubted: set[str]) -> None:
        """Ask whatever may be asked; also in vain for the incidents that only the other world has."""
        settings, desk = self.hub.settings, self.hub.desk
        names = asking.in_vain(self.own, headlines)
        self.streams |= await asking.ask_all(settings, self.houses, names, doubted)
        self.streams |= await asking.read_all(desk, MODE, self._tokens, names, LOOKING)
        assert self.desks is not None
        self.streams |= await self.desks.look(names)
        in_doubt = {headline: names[headline] for headline in doubted}
        self.streams |= await asking.try_all(settings, self.houses, in_doubt, LOOKING)
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
        hidden = {
            self.houses.person(key)
            for manning in self.plan.centre.manning
            for key in manning.holders.values()
            if manning.watch in HIDDEN
        }
        messages = json.loads(self.report)["messages"]
        for person in self.plan.centre.persons:
            texts = [one["text"].encode() for one in messages if one["person"] in (person.key, person.id)]
            self.paged[person.key] = len(texts)
            if person.id not in hidden:
                self.streams[f"phone {person.key}"] = texts


async def side_by_side(one: World, other: World) -> None:
    """Play both at once, each on a hub of its own, and then look at both."""
    try:
        await asyncio.gather(one.run(), other.run())
        headlines, doubted = {*one.own, *other.own}, set(one.own) ^ set(other.own)
        await asyncio.gather(*(world.look(headlines, doubted) for world in (one, other)))
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


def said_by(plan: Plan) -> Said:
    """What the exercise's files say: the same in every world."""
    about, events = plan.exercise.exercise, plan.exercise.events
    moments = {event.at for event in events} | {event.occurred_at for event in events if event.occurred_at}
    persons = frozenset(person.id for person in plan.centre.persons)
    return Said(persons, frozenset(moments), (about.starts, about.ends + AFTER))
